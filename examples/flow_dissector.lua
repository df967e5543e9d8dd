#!/usr/bin/env ebpf-lua
-- What a packet's flow is, told by a program: UDP of one port is one flow, whoever sends
-- it. Another program shows the hash that the kernel makes of it.
--
--   ebpf-lua examples/flow_dissector.lua lo 9999
local bpf = require "bpf"

local interface, port = arg[1], tonumber(arg[2])
if not port then error("usage: flow_dissector.lua INTERFACE PORT", 0) end

local obj = bpf.load {
  source = [[
    struct event { u32 hash; u16 sport, dport; };
    RINGBUF(events, struct event, 64 * 1024);
    const volatile u16 port;

    SEC("flow_dissector")
    int dissect(struct __sk_buff *skb)
    {
      struct bpf_flow_keys *keys = skb->flow_keys;
      u16 ports[2] = {};

      bpf_skb_load_bytes(skb, keys->nhoff + sizeof(struct iphdr), ports, sizeof(ports));
      keys->n_proto = bpf_htons(ETH_P_IP);
      keys->addr_proto = ETH_P_IP;
      keys->ip_proto = IPPROTO_UDP;
      keys->thoff = keys->nhoff + sizeof(struct iphdr);
      keys->dport = ports[1];
      keys->sport = ports[1] == bpf_htons(port) ? 0 : ports[0];
      return BPF_OK;
    }

    SEC("tc")
    int show(struct __sk_buff *skb)
    {
      struct event e = {};

      bpf_set_hash_invalid(skb);
      e.hash = bpf_get_hash_recalc(skb);
      bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(struct iphdr), &e.sport, 4);
      if (skb->protocol == bpf_htons(ETH_P_IP))
        bpf_ringbuf_output(&events, &e, sizeof(e), 0);
      return TCX_NEXT;                      /* also: what clsact goes on with */
    }
  ]],
  constants = { port = port },
}

local function host(value) return value % 256 * 256 + math.floor(value / 256) end
obj.maps.events:each(function(e)
  print(("port %d from %d: flow %08x"):format(host(e.dport), host(e.sport), e.hash))
end)
obj.programs.dissect:attach "flow_dissector"
obj.programs.show:attach(("tc:%s:ingress"):format(interface))
print("attached to " .. interface)
bpf.run()
