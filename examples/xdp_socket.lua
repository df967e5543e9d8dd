#!/usr/bin/env ebpf-lua
-- An xskmap: the UDP packets of one port leave the kernel at the driver, into the memory
-- of an AF_XDP socket, and never reach the network stack.
--
--   ebpf-lua examples/xdp_socket.lua eth0 9999
local bpf = require "bpf"
local xdp_socket = require "lib.xdp_socket"

local interface, port = arg[1], tonumber(arg[2])
if not port then error("usage: xdp_socket.lua INTERFACE PORT", 0) end

local obj = bpf.load {
  source = [[
    struct {
      __uint(type, BPF_MAP_TYPE_XSKMAP);
      __uint(max_entries, 64);
      __type(key, u32);
      __type(value, u32);
    } sockets SEC(".maps");
    const volatile u16 port;

    SEC("xdp")
    int take(struct xdp_md *ctx)
    {
      void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
      struct ethhdr *eth = data;
      struct iphdr *ip = (void *)(eth + 1);
      struct udphdr *udp = (void *)(ip + 1);

      if ((void *)(udp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
          ip->protocol != IPPROTO_UDP || udp->dest != bpf_htons(port))
        return XDP_PASS;
      return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
    }
  ]],
  constants = { port = port },
}

local socket = xdp_socket.open(interface, 0)
assert(obj.maps.sockets:update(0, socket.fd))
obj.programs.take:attach("xdp:" .. interface .. ":generic")
print("receiving from " .. interface)
bpf.every(0.02, function()
  for frame in function() return socket:receive() end do
    print(("%d bytes: %s"):format(#frame, frame:sub(14 + 20 + 8 + 1)))
  end
end)
bpf.run()
