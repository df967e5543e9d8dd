#!/usr/bin/env ebpf-lua
-- One listener for many ports: the program gives connections to any port of a range to
-- the socket in its map, before the kernel looks for a listener.
--
--   ebpf-lua examples/sk_lookup.lua 7000 7999
local bpf = require "bpf"
local sockets = require "lib.sockets"

local first, last = tonumber(arg[1]), tonumber(arg[2])
if not last then error("usage: sk_lookup.lua FIRST-PORT LAST-PORT", 0) end

local obj = bpf.load {
  source = [[
    struct {
      __uint(type, BPF_MAP_TYPE_SOCKMAP);
      __uint(max_entries, 1);
      __type(key, u32);
      __type(value, u64);
    } listener SEC(".maps");
    const volatile u32 first, last;

    SEC("sk_lookup")
    int steer(struct bpf_sk_lookup *ctx)
    {
      u32 key = 0;
      struct bpf_sock *sk;
      long err;

      if (ctx->local_port < first || ctx->local_port > last)
        return SK_PASS;
      sk = bpf_map_lookup_elem(&listener, &key);
      if (!sk)
        return SK_PASS;
      err = bpf_sk_assign(ctx, sk, 0);
      bpf_sk_release(sk);
      return err ? SK_DROP : SK_PASS;
    }
  ]],
  constants = { first = first, last = last },
}

local listener = sockets.listener(0)            -- a port that the kernel chooses
assert(obj.maps.listener:update(0, listener))
obj.programs.steer:attach "sk_lookup"
print(("ports %d to %d lead to port %d"):format(first, last, sockets.own_port(listener)))
bpf.every(0.02, function()
  for connection in function() return sockets.accept(listener) end do
    print("connection to port " .. sockets.own_port(connection))
  end
end)
bpf.run()
