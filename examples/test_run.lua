#!/usr/bin/env ebpf-lua
-- A program is tried on packets of the script's own: what it returns, what it makes of
-- the packet, how long it takes. Nothing is attached.
--
--   ebpf-lua examples/test_run.lua
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    /* Answers an ICMP echo request; drops what is too short. */
    SEC("xdp")
    int ping(struct xdp_md *ctx)
    {
      void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
      struct ethhdr *eth = data;
      struct iphdr *ip = (void *)(eth + 1);
      u8 *type = (void *)(ip + 1), mac[6];
      u32 address;

      if ((void *)(type + 8) > end)
        return XDP_DROP;
      if (ip->protocol != IPPROTO_ICMP || *type != 8)
        return XDP_PASS;
      *type = 0;
      address = ip->saddr;
      ip->saddr = ip->daddr;
      ip->daddr = address;
      __builtin_memcpy(mac, eth->h_source, 6);
      __builtin_memcpy(eth->h_source, eth->h_dest, 6);
      __builtin_memcpy(eth->h_dest, mac, 6);
      return XDP_TX;
    }
  ]],
}

local function packet(protocol, icmp_type)
  return "\1\1\1\1\1\1\2\2\2\2\2\2\8\0" .. "\x45\0\0\x1c\0\0\0\0\x40"
    .. string.char(protocol) .. "\0\0" .. "\10\0\0\1" .. "\10\0\0\2"
    .. string.char(icmp_type) .. ("\0"):rep(7)
end

local ping = obj.programs.ping
local NAMES = { [0] = "ABORTED", "DROP", "PASS", "TX", "REDIRECT" }
print("udp", NAMES[ping:test_run { data = packet(17, 8) }.retval])
print("short", NAMES[ping:test_run { data = ("\0"):rep(20) }.retval])
local run = ping:test_run { data = packet(1, 8), times = 1000 }
local once = ping:test_run { data = packet(1, 8) }
print("ping", NAMES[once.retval], bpf.ntop(once.data:sub(27, 30)),
      bpf.ntop(once.data:sub(31, 34)), once.data:byte(35))
print("duration", run.duration_ns and "known" or "unknown")
