#!/usr/bin/env ebpf-lua
-- Two programs on one hook of traffic control (tcx), in an order that is asked for: one
-- counts everything, one behind it drops a UDP port. TCX_NEXT goes on to the next.
--
--   ebpf-lua examples/tcx.lua eth0 9999
local bpf = require "bpf"

local interface, port = arg[1], tonumber(arg[2])
if not port then error("usage: tcx.lua INTERFACE PORT", 0) end

local obj = bpf.load {
  source = [[
    u64 seen, behind;
    const volatile u16 port;

    SEC("tcx/egress")
    int drop(struct __sk_buff *skb)
    {
      void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
      struct iphdr *ip = data + ETH_HLEN;
      struct udphdr *udp = (void *)(ip + 1);

      if ((void *)(udp + 1) > end || skb->protocol != bpf_htons(ETH_P_IP) ||
          ip->protocol != IPPROTO_UDP || udp->dest != bpf_htons(port))
        return TCX_NEXT;
      return TCX_DROP;
    }

    SEC("tcx/egress")
    int count(struct __sk_buff *skb) { seen++; return TCX_NEXT; }

    SEC("tcx/egress")
    int last(struct __sk_buff *skb) { behind++; return TCX_NEXT; }
  ]],
  constants = { port = port },
}

local place, p = ("tcx:%s:egress"):format(interface), obj.programs
p.drop:attach(place)
p.count:attach(place, { before = p.drop })
p.last:attach(place, { after = true })
print("attached to " .. place)
bpf.every(0.2, function()
  print(("seen %d, dropped %d"):format(obj.variables.seen,
                                       obj.variables.seen - obj.variables.behind))
end)
bpf.run()
