#!/usr/bin/env ebpf-lua
-- An echo server in the kernel: what arrives at a socket in the map is sent back by the
-- program. This process accepts connections and never reads.
--
--   ebpf-lua examples/sockmap.lua 7007
local bpf = require "bpf"
local sockets = require "lib.sockets"

local port = tonumber(arg[1] or "") or error("usage: sockmap.lua PORT", 0)

local obj = bpf.load {
  source = [[
    struct {
      __uint(type, BPF_MAP_TYPE_SOCKHASH);
      __uint(max_entries, 1024);
      __type(key, u32);                     /* the other side's port */
      __type(value, u64);
    } sockets SEC(".maps");
    u64 bytes;

    SEC("sk_skb/stream_parser")
    int parse(struct __sk_buff *skb)
    {
      return skb->len;                      /* a message is whatever has arrived */
    }

    SEC("sk_skb/stream_verdict")
    int echo(struct __sk_buff *skb)
    {
      u32 key = bpf_ntohl(skb->remote_port);

      bytes += skb->len;
      return bpf_sk_redirect_hash(skb, &sockets, &key, 0);
    }
  ]],
}

obj.programs.parse:attach "sockmap:sockets:stream_parser"
obj.programs.echo:attach "sockmap:sockets:stream_verdict"
local listener = sockets.listener(port)
print("port " .. port)
local shown = 0
bpf.every(0.02, function()
  for connection in function() return sockets.accept(listener) end do
    assert(obj.maps.sockets:update(sockets.peer_port(connection), connection))
    print("connection from port " .. sockets.peer_port(connection))
  end
  if obj.variables.bytes ~= shown then print(obj.variables.bytes .. " bytes echoed") end
  shown = obj.variables.bytes
end)
bpf.run()
