#!/usr/bin/env ebpf-lua
-- A devmap with two interfaces, as a wire between them: what enters one leaves by the
-- other, and this machine's stack sees none of it.
--
--   ebpf-lua examples/xdp_wire.lua veth0 veth1
local bpf = require "bpf"
local ffi = require "ffi"

ffi.cdef "unsigned int if_nametoindex(const char *name);"

if not arg[2] then error("usage: xdp_wire.lua INTERFACE INTERFACE", 0) end

local obj = bpf.load {
  source = [[
    struct {
      __uint(type, BPF_MAP_TYPE_DEVMAP);
      __uint(max_entries, 2);
      __type(key, u32);
      __type(value, u32);
    } ends SEC(".maps");
    const volatile u32 first;
    u64 there, back;

    SEC("xdp")
    int pass_on(struct xdp_md *ctx)
    {
      bool from_first = ctx->ingress_ifindex == first;

      __sync_fetch_and_add(from_first ? &there : &back, 1);
      return bpf_redirect_map(&ends, from_first, 0);
    }
  ]],
  constants = { first = ffi.C.if_nametoindex(arg[1]) },
}

for i = 1, 2 do
  local index = ffi.C.if_nametoindex(arg[i])
  if index == 0 then error("there is no interface " .. arg[i], 0) end
  obj.maps.ends[i - 1] = index
  obj.programs.pass_on:attach(("xdp:%s:generic"):format(arg[i]))
end
print(("a wire from %s to %s"):format(arg[1], arg[2]))
bpf.every(0.2, function()
  print(("%d there, %d back"):format(obj.variables.there, obj.variables.back))
end)
bpf.run()
