#!/usr/bin/env ebpf-lua
-- Traffic control: UDP to one port is dropped where packets enter an interface, by tcx
-- where the kernel has it, else by clsact. Either is gone when this program is.
--
--   ebpf-lua examples/traffic_control.lua eth0 9999
local bpf = require "bpf"
local cli = require "bpf.cli"

local args = cli.parse {
  name = "traffic_control", summary = "Drop UDP to one port.", options = {},
  positional = { { "interface", "where" }, { "port", "of UDP", convert = cli.number } },
}
if not args.port then error("which interface and port? see -h", 0) end

local obj = bpf.load {
  source = [[
    u64 dropped;
    const volatile u16 port;

    SEC("tc")
    int drop(struct __sk_buff *skb)
    {
      void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
      struct iphdr *ip = data + ETH_HLEN;
      struct udphdr *udp = (void *)(ip + 1);

      if ((void *)(udp + 1) > end || skb->protocol != bpf_htons(ETH_P_IP) ||
          ip->protocol != IPPROTO_UDP || udp->dest != bpf_htons(port))
        return TCX_NEXT;
      __sync_fetch_and_add(&dropped, 1);
      return TC_ACT_SHOT;
    }
  ]],
  constants = { port = args.port },
}

local place = args.interface .. ":ingress"
local ok, link = pcall(obj.programs.drop.attach, obj.programs.drop, "tcx:" .. place)
if not ok then link = obj.programs.drop:attach("tc:" .. place) end
print("attached to " .. link.spec)
local shown = 0
bpf.every(0.1, function()
  local dropped = obj.variables.dropped
  if dropped ~= shown then print(dropped .. " dropped") end
  shown = dropped
end)
bpf.run()
