#!/usr/bin/env ebpf-lua
-- A route whose packets pass a program, which counts them by address and drops those
-- whose address ends in 13. The route is there as long as this runs.
--
--   ebpf-lua examples/lwt.lua 10.9.0.0/16 eth0 192.168.1.1
local bpf = require "bpf"

local route, device, via = arg[1], arg[2], arg[3]
if not device then error("usage: lwt.lua PREFIX DEVICE [VIA]", 0) end

local obj = bpf.load {
  source = [[
    HASH(packets, u32, u64, 1024);

    SEC("lwt_out")
    int out(struct __sk_buff *skb)
    {
      u32 address = 0;
      u64 one = 1, *count;

      bpf_skb_load_bytes(skb, offsetof(struct iphdr, daddr), &address, sizeof(address));
      count = bpf_map_lookup_elem(&packets, &address);
      if (count)
        __sync_fetch_and_add(count, 1);
      else
        bpf_map_update_elem(&packets, &address, &one, BPF_ANY);
      return (address & bpf_htonl(255)) == bpf_htonl(13) ? BPF_DROP : BPF_OK;
    }
  ]],
}

obj.programs.out:attach(("lwt:%s:out"):format(route), { device = device, via = via })
print("route " .. route)
bpf.every(0.2, function()
  for address, count in obj.maps.packets:pairs() do
    print(("%s: %d packets"):format(bpf.ntop(address), count))
  end
end)
bpf.run()
