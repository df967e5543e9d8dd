#!/usr/bin/env ebpf-lua
-- A trie of prefixes: the program finds the longest one that an address has, as a router
-- does. Lua writes them as text, IPv4 and IPv6.
--
--   ebpf-lua examples/lpm.lua
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    struct prefix { u32 bits; u8 address[4]; };
    struct prefix6 { u32 bits; u8 address[16]; };
    LPM(routes, struct prefix, u32, 1024);
    LPM(routes6, struct prefix6, u32, 1024);

    SEC("xdp")
    int route(struct xdp_md *ctx)
    {
      void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
      struct iphdr *ip = data + ETH_HLEN;
      struct prefix key = { .bits = 32 };   /* the whole address is asked for */
      u32 *verdict;

      if ((void *)(ip + 1) > end)
        return XDP_ABORTED;
      __builtin_memcpy(key.address, &ip->daddr, 4);
      verdict = bpf_map_lookup_elem(&routes, &key);
      return verdict ? *verdict : XDP_PASS;
    }
  ]],
}

local routes, routes6 = obj.maps.routes, obj.maps.routes6
routes:update("10.0.0.0/8", bpf.enum.XDP_DROP)
routes:update("10.1.0.0/16", bpf.enum.XDP_TX)
routes6:update("fc00::/7", 7)

--- What the program says of a packet to that address.
local function verdict(a, b, c, d)
  local packet = ("\0"):rep(14) .. "\x45" .. ("\0"):rep(15) .. string.char(a, b, c, d)
  return obj.programs.route:test_run { data = packet }.retval
end

print("10.9.9.9", verdict(10, 9, 9, 9))
print("10.1.9.9", verdict(10, 1, 9, 9))
print("11.0.0.1", verdict(11, 0, 0, 1))
print("from Lua", routes:lookup "10.1.2.3", routes6:lookup "fd00::1",
      routes6:lookup "2001::1")
