#!/usr/bin/env ebpf-lua
-- Tail calls: a program jumps to another by a number, and Lua decides which stands there.
-- An empty place is no error: the call falls through.
--
--   ebpf-lua examples/tail_calls.lua
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    PROGS(by_protocol, 256);
    u64 tcp, udp, other;

    SEC("socket")
    int dispatch(struct __sk_buff *skb)
    {
      u8 protocol = 0;

      bpf_skb_load_bytes(skb, offsetof(struct iphdr, protocol), &protocol, 1);
      bpf_tail_call(skb, &by_protocol, protocol);
      other++;                              /* nothing is there: go on here */
      return 0;
    }
    SEC("socket") int on_tcp(struct __sk_buff *skb) { tcp++; return 6; }
    SEC("socket") int on_udp(struct __sk_buff *skb) { udp++; return 17; }
  ]],
}

local programs, places = obj.programs, obj.maps.by_protocol

--- Runs the first program on a packet of that protocol, without any network.
local function packet(protocol)
  local ip = "\x45" .. ("\0"):rep(8) .. string.char(protocol) .. ("\0"):rep(10)
  return programs.dispatch:test_run { data = ("\0"):rep(12) .. "\x08\0" .. ip }.retval
end

print("empty", packet(6), packet(17))
places[6], places[17] = programs.on_tcp, programs.on_udp
print("filled", packet(6), packet(17), packet(1))
places[6] = nil
print("removed", packet(6), packet(17))
local v = obj.variables
print(("tcp %d, udp %d, other %d"):format(v.tcp, v.udp, v.other))
