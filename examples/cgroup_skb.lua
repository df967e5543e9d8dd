#!/usr/bin/env ebpf-lua
-- The packets that the processes of a control group send: bytes by address, and one port
-- that is closed to them.
--
--   ebpf-lua examples/cgroup_skb.lua /sys/fs/cgroup/web 9999
local bpf = require "bpf"

local group, port = arg[1], tonumber(arg[2])
if not port then error("usage: cgroup_skb.lua GROUP PORT", 0) end

local obj = bpf.load {
  source = [[
    struct traffic { u64 packets, bytes, refused; };
    LRU_HASH(traffic, u32, struct traffic, 10240);
    const volatile u16 port;

    SEC("cgroup_skb/egress")
    int egress(struct __sk_buff *skb)
    {
      struct traffic zero = {}, *t;
      struct iphdr ip;
      u16 ports[2] = {};
      bool refused;

      if (skb->protocol != bpf_htons(ETH_P_IP) ||
          bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
        return 1;
      bpf_skb_load_bytes(skb, ip.ihl * 4, ports, sizeof(ports));
      refused = ports[1] == bpf_htons(port);
      bpf_map_update_elem(&traffic, &ip.daddr, &zero, BPF_NOEXIST);
      t = bpf_map_lookup_elem(&traffic, &ip.daddr);
      if (t) {
        __sync_fetch_and_add(&t->packets, 1);
        __sync_fetch_and_add(&t->bytes, skb->len);
        __sync_fetch_and_add(&t->refused, refused);
      }
      return !refused;                      /* 1 lets it pass */
    }
  ]],
  constants = { port = port },
}

obj.programs.egress:attach("cgroup:" .. group .. ":egress")
print("attached to " .. group)
bpf.every(0.2, function()
  for address, t in obj.maps.traffic:pairs() do
    print(("%s: %d packets, %d bytes, %d refused"):format(bpf.ntop(address), t.packets,
                                                          t.bytes, t.refused))
  end
end)
bpf.run()
