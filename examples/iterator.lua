#!/usr/bin/env ebpf-lua
-- An iterator: the kernel runs the program once for each task when the link is read.
--
--   ebpf-lua iterator.lua        the commands that have the most threads
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    struct entry {
      u32 pid, tid;
      char comm[TASK_COMM_LEN];
    };

    SEC("iter/task")
    int each_task(struct bpf_iter__task *ctx)
    {
      struct task_struct *task = ctx->task;
      struct entry e = {};

      if (!task) /* the end of the walk */
        return 0;
      e.pid = task->tgid;
      e.tid = task->pid;
      bpf_probe_read_kernel_str(e.comm, sizeof(e.comm), task->group_leader->comm);
      bpf_seq_write(ctx->meta->seq, &e, sizeof(e));
      return 0;
    }
  ]],
}

local processes = {}
for e in obj.programs.each_task:attach():records "struct entry" do
  local process = processes[e.pid] or { pid = e.pid, comm = e.comm, threads = 0 }
  process.threads = process.threads + 1
  processes[e.pid] = process
end

local list = {}
for _, process in pairs(processes) do list[#list + 1] = process end
table.sort(list, function(a, b)
  return a.threads > b.threads or a.threads == b.threads and a.pid < b.pid
end)

local rows = bpf.table {
  { name = "PID", width = 7 }, { name = "THREADS", width = 7 }, { name = "COMM" },
}
for i = 1, math.min(10, #list) do rows:row(list[i]) end
