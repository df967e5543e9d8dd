#!/usr/bin/env ebpf-lua
-- Several sockets with one port: the program reads the message and says which of them
-- gets it. What begins with "!" is urgent.
--
--   ebpf-lua examples/sk_reuseport.lua 7007
local bpf = require "bpf"
local sockets = require "lib.sockets"

local port = tonumber(arg[1] or "") or error("usage: sk_reuseport.lua PORT", 0)

local obj = bpf.load {
  source = [[
    struct {
      __uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
      __uint(max_entries, 2);
      __type(key, u32);
      __type(value, u64);
    } workers SEC(".maps");

    SEC("sk_reuseport")
    int choose(struct sk_reuseport_md *ctx)
    {
      u8 first = 0;
      u32 worker;

      bpf_skb_load_bytes(ctx, sizeof(struct udphdr), &first, 1);
      worker = first == '!';
      return bpf_sk_select_reuseport(ctx, &workers, &worker, 0) ? SK_DROP : SK_PASS;
    }
  ]],
}

local names, fds = { "ordinary", "urgent" }, {}
for i = 1, 2 do
  fds[i] = sockets.datagrams(port)
  assert(obj.maps.workers:update(i - 1, fds[i]))
end
obj.programs.choose:attach("sk_reuseport", { socket = fds[1] })
print("port " .. port)
bpf.every(0.02, function()
  for i, fd in ipairs(fds) do
    for text in function() return sockets.receive(fd) end do
      print(("%s: %s"):format(names[i], text))
    end
  end
end)
bpf.run()
