#!/usr/bin/env ebpf-lua
-- What a program can ask for: clocks, who runs, and memory of the kernel and of the
-- process, each read by its own helper.
--
--   ebpf-lua examples/helpers.lua            the files that programs open
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    struct event {
      u64 time_ns, cgroup;
      u32 pid, tid, uid, cpu, ppid;
      char comm[TASK_COMM_LEN], filename[128];
    };
    RINGBUF(events, struct event, 256 * 1024);

    SEC("tracepoint/syscalls/sys_enter_openat")
    int on_open(struct trace_event_raw_sys_enter *ctx)
    {
      struct task_struct *task = (void *)bpf_get_current_task();
      u64 id = bpf_get_current_pid_tgid();
      struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

      if (!e)
        return 0;
      e->time_ns = bpf_ktime_get_ns();
      e->cgroup = bpf_get_current_cgroup_id();
      e->pid = id >> 32;
      e->tid = id;
      e->uid = bpf_get_current_uid_gid();
      e->cpu = bpf_get_smp_processor_id();
      /* The kernel's memory, wherever it keeps the fields; last, the process's. */
      e->ppid = BPF_CORE_READ(task, real_parent, tgid);
      bpf_get_current_comm(e->comm, sizeof(e->comm));
      if (bpf_probe_read_user_str(e->filename, sizeof(e->filename),
                                  (void *)ctx->args[1]) < 0)
        bpf_ringbuf_discard(e, 0);
      else
        bpf_ringbuf_submit(e, 0);
      return 0;
    }
  ]],
}

obj.maps.events:each(function(e)
  print(bpf.time(e.time_ns), e.pid, e.tid, e.ppid, bpf.user(e.uid), e.cpu, e.comm,
        e.filename)
end)
obj:attach()
bpf.run()
