#!/usr/bin/env ebpf-lua
-- A devmap: packets that enter one interface leave by another without passing the stack,
-- and a program of the map sees each as it leaves.
--
--   ebpf-lua examples/xdp_redirect.lua veth0 veth1
local bpf = require "bpf"
local ffi = require "ffi"

ffi.cdef "unsigned int if_nametoindex(const char *name);"

local from, to = arg[1], arg[2]
if not to then error("usage: xdp_redirect.lua FROM TO", 0) end

local obj = bpf.load {
  source = [[
    struct port { u32 interface; struct { int fd; } program; };
    struct {
      __uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
      __uint(max_entries, 8);
      __type(key, u32);
      __type(value, struct port);
    } ports SEC(".maps");
    u64 entered, left;

    SEC("xdp")
    int enter(struct xdp_md *ctx)
    {
      entered++;
      return bpf_redirect_map(&ports, 77, XDP_PASS);  /* XDP_PASS: no such key */
    }

    SEC("xdp/devmap")
    int leave(struct xdp_md *ctx)
    {
      left++;
      return XDP_PASS;
    }
  ]],
}

local index = ffi.C.if_nametoindex(to)
if index == 0 then error("there is no interface " .. to, 0) end
obj.programs.enter:attach("xdp:" .. from)
obj.maps.ports[77] = { interface = index, program = { fd = obj.programs.leave:fd() } }
print(("packets from %s go to %s"):format(from, to))
bpf.every(0.2, function()
  print(("entered %d, left %d"):format(obj.variables.entered, obj.variables.left))
end)
bpf.run()
