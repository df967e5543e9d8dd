#!/usr/bin/env ebpf-lua
-- Storage that goes with an attachment to a control group: one program counts for many
-- groups, each has its own value, and nothing is looked up. One kind has a value that all
-- CPUs share, the other one for each.
--
--   ebpf-lua examples/cgroup_storage.lua GROUP...       packets in and out, by group
local bpf = require "bpf"
local groups = arg[1] and arg or error("usage: cgroup_storage.lua GROUP...", 0)

local obj = bpf.load {
  source = [[
    struct {
      __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
      __type(key, u64);
      __type(value, u64);
    } packets SEC(".maps");
    struct {
      __uint(type, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
      __type(key, u64);
      __type(value, u64);
    } bytes SEC(".maps");

    static int count(struct __sk_buff *skb)
    {
      u64 *all = bpf_get_local_storage(&packets, 0);
      u64 *own = bpf_get_local_storage(&bytes, 0);

      __sync_fetch_and_add(all, 1);
      *own += skb->len;
      return 1;
    }
    SEC("cgroup_skb/ingress") int ingress(struct __sk_buff *skb) { return count(skb); }
    SEC("cgroup_skb/egress") int egress(struct __sk_buff *skb) { return count(skb); }
  ]],
}

local by_id = {}
for _, group in ipairs(groups) do
  by_id[io.popen("stat -c %i " .. group):read "*n"] = group
  obj.programs.ingress:attach("cgroup:" .. group .. ":ingress")
  obj.programs.egress:attach("cgroup:" .. group .. ":egress")
end
print "counting"
bpf.every(0.2, function()
  for id, packets in obj.maps.packets:pairs() do
    local sum = 0
    for _, value in ipairs(obj.maps.bytes[id]) do sum = sum + value end
    print(("%s: %d packets, %d bytes"):format(by_id[id], packets, sum))
  end
end)
bpf.run()
