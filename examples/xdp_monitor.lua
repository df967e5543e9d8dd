#!/usr/bin/env ebpf-lua
-- Packets as XDP sees them, sent to Lua through a ring buffer or, with "perf", through a
-- perf buffer: one for all CPUs in the order of events, or one for each CPU.
--
--   ebpf-lua examples/xdp_monitor.lua eth0 [perf]
local bpf = require "bpf"

local interface, way = arg[1], arg[2] or "ring"
if not interface then error("usage: xdp_monitor.lua INTERFACE [ring|perf]", 0) end

local obj = bpf.load {
  source = [[
    struct event { u32 source, destination; u16 sport, dport, length; u8 protocol; };
    RINGBUF(ring, struct event, 256 * 1024);
    PERFBUF(perf, struct event);
    const volatile bool use_perf;

    SEC("xdp")
    int monitor(struct xdp_md *ctx)
    {
      void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
      struct iphdr *ip = data + ETH_HLEN;
      u16 *ports = (void *)(ip + 1);
      struct ethhdr *eth = data;
      struct event e = {};

      /* XDP has no process: the packet belongs to no one yet. */
      if ((void *)(ports + 2) > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
          ip->ihl != 5)
        return XDP_PASS;
      e.source = ip->saddr;
      e.destination = ip->daddr;
      e.protocol = ip->protocol;
      e.length = bpf_ntohs(ip->tot_len);
      if (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP) {
        e.sport = bpf_ntohs(ports[0]);
        e.dport = bpf_ntohs(ports[1]);
      }
      if (use_perf)
        bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, &e, sizeof(e));
      else
        bpf_ringbuf_output(&ring, &e, sizeof(e), 0);
      return XDP_PASS;
    }
  ]],
  constants = { use_perf = way == "perf" },
}

obj.maps[way]:each(function(e)
  print(("%s:%d -> %s:%d protocol %d length %d"):format(
    bpf.ntop(e.source), e.sport, bpf.ntop(e.destination), e.dport, e.protocol, e.length))
end)
obj.programs.monitor:attach("xdp:" .. interface)
print("attached to " .. interface)
bpf.run()
