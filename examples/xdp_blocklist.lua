#!/usr/bin/env ebpf-lua
-- XDP: drops the packets of the addresses that are in a map, and counts them.
--
--   ebpf-lua examples/xdp_blocklist.lua veth0 10.0.0.2     what 10.0.0.2 sends to veth0
--
-- To try it without touching a real network:
--   ip netns add demo && ip link add veth0 type veth peer name veth1 netns demo
local bpf = require "bpf"
local ffi = require "ffi"

ffi.cdef "int inet_pton(int family, const char *text, void *address);"

local interface, address = arg[1], arg[2]
if not address then
  error("usage: ebpf-lua examples/xdp_blocklist.lua INTERFACE ADDRESS", 0)
end
local word = ffi.new("uint32_t[1]")
if ffi.C.inet_pton(2, address, word) ~= 1 then
  error(("'%s' is no IPv4 address"):format(address), 0)
end

local obj = bpf.load {
  source = [[
    HASH(blocked, u32, u64, 1024);   /* source, in network order -> packets dropped */

    SEC("xdp")
    int blocklist(struct xdp_md *ctx)
    {
      void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
      struct ethhdr *eth = data;
      struct iphdr *ip = (void *)(eth + 1);
      u64 *drops;

      if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;
      drops = bpf_map_lookup_elem(&blocked, &ip->saddr);
      if (!drops)
        return XDP_PASS;
      __sync_fetch_and_add(drops, 1);
      return XDP_DROP;
    }
  ]],
}

obj.maps.blocked[word[0]] = 0
obj.programs.blocklist:attach("xdp:" .. interface)

local function report()
  print(("%s: %d dropped"):format(address, obj.maps.blocked[word[0]]))
end
bpf.every(1, report)
bpf.run()
report()
