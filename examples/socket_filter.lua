#!/usr/bin/env ebpf-lua
-- A packet socket with a filter: every packet of an interface passes the program, and the
-- bytes are counted by protocol. Nothing is changed, nothing copied.
--
--   ebpf-lua examples/socket_filter.lua eth0
local bpf = require "bpf"

local interface = arg[1] or error("usage: socket_filter.lua INTERFACE", 0)

local obj = bpf.load {
  source = [[
    ARRAY(bytes, u64, 256);                 /* by IP protocol */

    SEC("socket")
    int count(struct __sk_buff *skb)
    {
      u8 protocol = 0;
      u32 key;
      u64 *sum;

      if (skb->protocol != bpf_htons(ETH_P_IP))
        return 0;
      bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, protocol), &protocol, 1);
      key = protocol;
      sum = bpf_map_lookup_elem(&bytes, &key);
      if (sum)
        __sync_fetch_and_add(sum, skb->len);
      return 0;                             /* how many bytes the socket gets */
    }
  ]],
}

local NAMES = { [1] = "ICMP", [6] = "TCP", [17] = "UDP" }
obj.programs.count:attach("socket_filter:" .. interface)
print("listening on " .. interface)
bpf.every(0.2, function()
  for protocol, sum in obj.maps.bytes:pairs() do
    if sum > 0 then print(NAMES[protocol] or protocol, sum .. " bytes") end
  end
end)
bpf.run()
