#!/usr/bin/env ebpf-lua
-- A hash map that Lua fills and the probe reads: it acts only on the processes in the
-- map.
--
--   ebpf-lua examples/pid_filter.lua PID     the programs that this process starts
local bpf = require "bpf"
local cli = require "bpf.cli"

local args = cli.parse {
  name = "pid_filter", summary = "Show the programs that one process starts.",
  options = {}, positional = { { "pid", "the process", convert = cli.number } },
}
local pid = args.pid or error("which process? ebpf-lua examples/pid_filter.lua PID", 0)

local obj = bpf.load {
  source = [[
    struct event { u32 pid; char filename[256]; };

    RINGBUF(events, struct event, 256 * 1024);
    HASH(watched, u32, u8, 1024);

    SEC("tracepoint/sched/sched_process_exec")
    int on_exec(struct trace_event_raw_sched_process_exec *ctx)
    {
      struct task_struct *task = (void *)bpf_get_current_task();
      u32 self = bpf_get_current_pid_tgid() >> 32;
      u32 parent = BPF_CORE_READ(task, real_parent, tgid);
      struct event *e;

      if (!bpf_map_lookup_elem(&watched, &parent) &&
          !bpf_map_lookup_elem(&watched, &self))
        return 0;
      e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
      if (!e)
        return 0;
      e->pid = self;
      bpf_probe_read_kernel_str(e->filename, sizeof(e->filename),
                                (void *)ctx + (ctx->__data_loc_filename & 0xffff));
      bpf_ringbuf_submit(e, 0);
      return 0;
    }
  ]],
}

obj.maps.watched[pid] = 1
obj.maps.events:each(function(e) print(e.pid, e.filename) end)
obj:attach()
bpf.run()
