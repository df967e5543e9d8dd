#!/usr/bin/env ebpf-lua
-- A segment of SRv6 in C: packets whose way leads over it pass the program, which says
-- where they come from and how many segments are left, and drops those of one port.
--
--   sysctl net.ipv6.conf.all.seg6_enabled=1 net.ipv6.conf.eth0.seg6_enabled=1
--   ebpf-lua examples/seg6local.lua fc00::99/128 eth0 7013
local bpf = require "bpf"

local segment, device, closed = arg[1], arg[2], tonumber(arg[3])
if not device then error("usage: seg6local.lua SEGMENT DEVICE [CLOSED-PORT]", 0) end

local obj = bpf.load {
  source = [[
    struct event { u8 source[16]; u32 left, port; };
    RINGBUF(events, struct event, 64 * 1024);
    const volatile u32 closed;

    SEC("lwt_seg6local")
    int pass(struct __sk_buff *skb)
    {
      struct ipv6hdr ip;
      struct ipv6_sr_hdr route;                        /* behind the IPv6 header */
      struct udphdr udp;
      struct event e = {};

      if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) ||
          bpf_skb_load_bytes(skb, sizeof(ip), &route, sizeof(route)) ||
          bpf_skb_load_bytes(skb, sizeof(ip) + (route.hdrlen + 1) * 8, &udp, sizeof(udp)))
        return BPF_DROP;
      __builtin_memcpy(e.source, &ip.saddr, sizeof(e.source));
      e.left = route.segments_left;                    /* this one is counted off */
      e.port = bpf_ntohs(udp.dest);
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
      return e.port == closed ? BPF_DROP : BPF_OK;
    }
  ]],
  constants = { closed = closed or 0 },
}

obj.maps.events:each(function(e)
  print(("%s: port %d, %d segments left%s"):format(
    bpf.ntop(e.source), e.port, e.left, e.port == closed and ", dropped" or ""))
end)
obj.programs.pass:attach("seg6local:" .. segment, { device = device })
print("segment " .. segment)
bpf.run()
