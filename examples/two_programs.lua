#!/usr/bin/env ebpf-lua
-- Two programs that work together through a map: one notes when a thread's read() began,
-- the other takes the note out and adds the time to a histogram.
--
--   ebpf-lua examples/two_programs.lua       Ctrl-C prints it
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    HASH(starts, u32, u64, 10240);          /* thread -> when */
    ARRAY(slots, u64, 64);

    SEC("tracepoint/syscalls/sys_enter_read")
    int on_enter(void *ctx)
    {
      u32 thread = bpf_get_current_pid_tgid();
      u64 now = bpf_ktime_get_ns();

      bpf_map_update_elem(&starts, &thread, &now, BPF_ANY);
      return 0;
    }

    SEC("tracepoint/syscalls/sys_exit_read")
    int on_exit(void *ctx)
    {
      u32 thread = bpf_get_current_pid_tgid(), slot = 0;
      u64 *start = bpf_map_lookup_elem(&starts, &thread), *count;

      if (!start)                           /* it began before this program did */
        return 0;
      for (u64 us = (bpf_ktime_get_ns() - *start) / 1000; us && slot < 63; us >>= 1)
        slot++;
      bpf_map_delete_elem(&starts, &thread);
      count = bpf_map_lookup_elem(&slots, &slot);
      if (count)
        __sync_fetch_and_add(count, 1);
      return 0;
    }
  ]],
}

obj:attach()
io.stderr:write("Tracing read()... Hit Ctrl-C to end.\n")
bpf.run()
bpf.print_log2_hist(obj.maps.slots, { unit = "usecs" })
