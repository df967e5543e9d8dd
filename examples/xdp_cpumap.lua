#!/usr/bin/env ebpf-lua
-- A cpumap: the CPU that takes packets from the wire hands them to another, which does
-- the work of the network stack.
--
--   ebpf-lua examples/xdp_cpumap.lua eth0 0     the stack's work is done by CPU 0
local bpf = require "bpf"

local interface, cpu = arg[1], tonumber(arg[2])
if not cpu then error("usage: xdp_cpumap.lua INTERFACE CPU", 0) end

local obj = bpf.load {
  source = [[
    struct cpu { u32 queue_size; struct { int fd; } program; };
    struct {
      __uint(type, BPF_MAP_TYPE_CPUMAP);
      __uint(max_entries, 64);
      __type(key, u32);
      __type(value, struct cpu);
    } cpus SEC(".maps");
    u64 sent, arrived, elsewhere;
    const volatile u32 wanted;

    SEC("xdp")
    int send(struct xdp_md *ctx)
    {
      sent++;
      return bpf_redirect_map(&cpus, wanted, 0);
    }

    SEC("xdp/cpumap")
    int arrive(struct xdp_md *ctx)
    {
      if (bpf_get_smp_processor_id() == wanted)
        arrived++;
      else
        elsewhere++;
      return XDP_PASS;
    }
  ]],
  constants = { wanted = cpu },
}

obj.maps.cpus[cpu] = { queue_size = 192, program = { fd = obj.programs.arrive:fd() } }
obj.programs.send:attach("xdp:" .. interface)
print(("packets of %s go to CPU %d"):format(interface, cpu))
bpf.every(0.2, function()
  local v = obj.variables
  print(("sent %d, arrived %d, elsewhere %d"):format(v.sent, v.arrived, v.elsewhere))
end)
bpf.run()
