#!/usr/bin/env ebpf-lua
-- Both ends of a netkit pair, the way into and out of a container: what the peer sends
-- passes one program, what comes for it passes the other. UDP to one port is kept out.
--
--   ip link add web type netkit
--   ebpf-lua examples/netkit.lua web 7013
local bpf = require "bpf"

local device, closed = arg[1], tonumber(arg[2])
if not closed then error("usage: netkit.lua DEVICE CLOSED-PORT", 0) end

local obj = bpf.load {
  source = [[
    u64 received, sent, kept_out;
    const volatile u32 closed;

    SEC("netkit/primary")
    int to_peer(struct __sk_buff *skb)
    {
      u8 protocol = 0;
      u16 port = 0;

      __sync_fetch_and_add(&received, 1);
      /* IPv6: the next header is byte 6, and UDP's own begins at byte 40. */
      bpf_skb_load_bytes_relative(skb, 6, &protocol, 1, BPF_HDR_START_NET);
      bpf_skb_load_bytes_relative(skb, 42, &port, sizeof(port), BPF_HDR_START_NET);
      if (protocol != IPPROTO_UDP || bpf_ntohs(port) != closed)
        return NETKIT_PASS;
      __sync_fetch_and_add(&kept_out, 1);
      return NETKIT_DROP;
    }

    SEC("netkit/peer")
    int from_peer(struct __sk_buff *skb)
    {
      __sync_fetch_and_add(&sent, 1);
      return NETKIT_PASS;
    }
  ]],
  constants = { closed = closed },
}

obj.programs.to_peer:attach(("netkit:%s:primary"):format(device))
obj.programs.from_peer:attach(("netkit:%s:peer"):format(device))
print("watching " .. device)
bpf.every(0.5, function()
  local v = obj.variables
  print(("%d for the peer, %d from it, %d kept out")
        :format(v.received, v.sent, v.kept_out))
end)
bpf.run()
