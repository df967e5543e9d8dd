#!/usr/bin/env ebpf-lua
-- A netfilter hook: packets to one UDP port of this machine are dropped, before the rules
-- of priority 0 and after those below -10.
--
--   ebpf-lua examples/netfilter.lua 9999
local bpf = require "bpf"

local port = tonumber(arg[1] or "") or error("usage: netfilter.lua PORT", 0)

local obj = bpf.load {
  source = [[
    const volatile u16 port;
    u64 dropped;

    SEC("netfilter")
    int drop(struct bpf_nf_ctx *ctx)
    {
      struct sk_buff *skb = ctx->skb;
      void *network = skb->head + skb->network_header;
      struct iphdr ip;
      struct udphdr udp;

      bpf_probe_read_kernel(&ip, sizeof(ip), network);
      bpf_probe_read_kernel(&udp, sizeof(udp), network + ip.ihl * 4);
      if (ip.protocol != IPPROTO_UDP || udp.dest != bpf_htons(port))
        return NF_ACCEPT;
      __sync_fetch_and_add(&dropped, 1);
      return NF_DROP;
    }
  ]],
  constants = { port = port },
}

obj.programs.drop:attach("netfilter:ipv4:local_in:-10")
print("dropping UDP port " .. port)
bpf.every(0.2, function() print(("%d dropped"):format(obj.variables.dropped)) end)
bpf.run()
