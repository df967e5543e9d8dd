#!/usr/bin/env ebpf-lua
-- kprobe and kretprobe: a kernel function's arguments, what it returns, and the time
-- between.
--   ebpf-lua examples/kprobe.lua 1      reads of files that take longer than 1 ms
local bpf = require "bpf"
local cli = require "bpf.cli"

local args = cli.parse {
  name = "kprobe", summary = "Show slow reads of files.", options = {},
  positional = { { "ms", "the shortest time", convert = cli.number } },
}

local obj = bpf.load {
  constants = { shortest = (args.ms or 1) * 1000000 },
  source = [[
    struct start { u64 time, wanted; };
    struct event { u32 pid; char comm[16]; u64 wanted; s64 result; u64 ns; };

    const volatile u64 shortest = 0;
    RINGBUF(events, struct event, 256 * 1024);
    HASH(starts, u32, struct start, 10240);

    SEC("kprobe/vfs_read")
    int BPF_KPROBE(on_read, struct file *file, char *buffer, size_t count)
    {
      u32 thread = bpf_get_current_pid_tgid();
      struct start start = { .time = bpf_ktime_get_ns(), .wanted = count };

      bpf_map_update_elem(&starts, &thread, &start, BPF_ANY);
      return 0;
    }

    SEC("kretprobe/vfs_read")
    int BPF_KRETPROBE(on_return, long result)
    {
      u32 thread = bpf_get_current_pid_tgid();
      struct start *start = bpf_map_lookup_elem(&starts, &thread);
      struct event e = { .pid = bpf_get_current_pid_tgid() >> 32, .result = result };

      if (!start)
        return 0;
      e.ns = bpf_ktime_get_ns() - start->time;
      e.wanted = start->wanted;
      bpf_get_current_comm(e.comm, sizeof(e.comm));
      bpf_map_delete_elem(&starts, &thread);
      if (e.ns >= shortest)
        bpf_ringbuf_output(&events, &e, sizeof(e), 0);
      return 0;
    }
  ]],
}
print "PID     COMM             WANTED   READ     LAT(ms)"
obj.maps.events:each(function(e)
  print(("%-7d %-16s %-8d %-8d %.3f"):format(e.pid, e.comm, e.wanted, e.result,
                                             tonumber(e.ns) / 1e6))
end)
obj:attach()
bpf.run()
