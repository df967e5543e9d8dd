#!/usr/bin/env ebpf-lua
-- Timers: a program that a CPU's clock runs, and functions that the loop calls, again and
-- again or once. What stands before and after bpf.run() is the beginning and the end.
--
--   ebpf-lua examples/timers.lua             how busy one CPU is, for two seconds
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    u64 ticks, idle;

    SEC("perf_event")
    int on_tick(void *ctx)
    {
      ticks++;
      if (!(u32)bpf_get_current_pid_tgid())   /* thread 0: nothing to run */
        idle++;
      return 0;
    }
  ]],
}

print "begin"
obj.programs.on_tick:attach("interval:10ms", { cpu = 0 })
local v = obj.variables
bpf.every(0.5, function()
  if v.ticks > 0 then
    print(("busy %d%% of %d ticks"):format(100 - 100 * v.idle / v.ticks, v.ticks))
  end
end)
bpf.after(2, bpf.stop)
print("end", bpf.run())
