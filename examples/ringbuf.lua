#!/usr/bin/env ebpf-lua
-- A ring buffer: reserve, fill, submit or discard. The record's type is written once, in
-- C.
--
--   ebpf-lua examples/ringbuf.lua            processes that end with an error
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    struct event {
      u32 pid, ppid;
      u8 status, signal;
      u64 lifetime_ns;
      char comm[TASK_COMM_LEN];
    };

    RINGBUF(events, struct event, 256 * 1024);

    SEC("tp_btf/sched_process_exit")
    int BPF_PROG(on_exit, struct task_struct *task)
    {
      struct event *e;

      if (task->pid != task->tgid)   /* a thread, not the process */
        return 0;
      e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
      if (!e)
        return 0;
      e->pid = task->tgid;
      e->ppid = task->real_parent->tgid;
      e->status = task->exit_code >> 8;
      e->signal = task->exit_code & 0x7f;
      e->lifetime_ns = bpf_ktime_get_ns() - task->start_time;
      bpf_get_current_comm(e->comm, sizeof(e->comm));
      if (e->status || e->signal)
        bpf_ringbuf_submit(e, 0);
      else
        bpf_ringbuf_discard(e, 0);   /* nobody is woken */
      return 0;
    }
  ]],
}

local exits = bpf.table {
  { name = "PID", width = 7, align = "left" },
  { name = "PPID", width = 7, align = "left" },
  { name = "STATUS", width = 6 }, { name = "SIGNAL", width = 6 },
  { name = "AGE", unit = "ms", width = 9, format = "%.1f" }, { name = "COMM" },
}

obj.maps.events:each(function(e)
  exits:row { pid = e.pid, ppid = e.ppid, status = e.status, signal = e.signal,
              age_ms = e.lifetime_ns / 1e6, comm = e.comm }
end)
obj:attach()
bpf.run()
