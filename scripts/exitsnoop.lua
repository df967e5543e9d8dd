#!/usr/bin/env ebpf-lua
-- exitsnoop: processes as they end, with their age and why.
--
--   exitsnoop               every process that ends
--   exitsnoop -x            only those that fail or are killed
--   exitsnoop -p 181        one process
--   exitsnoop --per-thread  threads too
--
-- A process ends with its last thread; what its parent will be told is shown.
local bit = require "bit"
local bpf = require "bpf"
local cli = require "bpf.cli"
local scope = require "bpf.scope"

local args = cli.parse {
  name = "exitsnoop",
  summary = "Trace process termination.",
  options = {
    cli.TIME, cli.TIMESTAMP,
    { "-x --failed", "only exits with a code other than 0, or by a signal" },
    { "-p --pid", "only this process", argument = "PID", convert = cli.number },
    { "--per-thread", "a row for each thread that ends" },
  },
  examples = {
    { "exitsnoop", "all processes" },
    { "exitsnoop -x", "only failures and signals" },
    { "exitsnoop -T", "with the time of day" },
    { "exitsnoop -p 181", "one process" },
    { "exitsnoop --per-thread", "all threads" },
  },
}

local obj = scope.load(args, {
  source = [[
    #include <ebl/target.h>

    #define SIGNAL_GROUP_EXIT 4   /* of signal_struct.flags */

    struct event {
      u64 ts, age;
      u32 pid, ppid, tid;
      int status;
      char comm[TASK_COMM_LEN];
    };

    struct process {
      u64 start;
      u64 pid;
    };

    RINGBUF(events, struct event, 256 * 1024);
    /* Two last threads that end side by side both see that none is left. */
    LRU_HASH(ended, struct process, u8, 1024);

    const volatile bool only_failed = false, per_thread = false;

    SEC("tp_btf/sched_process_exit")
    int BPF_PROG(on_exit, struct task_struct *task)
    {
      struct event e = { .ts = bpf_ktime_get_ns(), .pid = task->tgid, .tid = task->pid };
      struct task_struct *shown = per_thread ? task : task->group_leader;
      struct process process = { shown->start_time, e.pid };
      u8 yes = 1;

      if (!is_target(e.pid))
        return 0;
      e.status = shown->exit_code;
      if (!per_thread) {
        if (task->signal->live.counter)
          return 0;
        if (bpf_map_update_elem(&ended, &process, &yes, BPF_NOEXIST))
          return 0;
        if (task->signal->flags & SIGNAL_GROUP_EXIT)
          e.status = task->signal->group_exit_code;
        e.tid = shown->pid;
      }
      if (only_failed && !e.status)
        return 0;
      e.ppid = task->real_parent->tgid;
      e.age = e.ts - shown->start_time;
      bpf_probe_read_kernel_str(e.comm, sizeof(e.comm), shown->comm);
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
      return 0;
    }
  ]],
  constants = {
    only_failed = args.failed or false,
    per_thread = args.per_thread or false,
  },
})

local rows = bpf.table(cli.columns(args, {
  { name = "PCOMM", width = 16 },
  { name = "PID", width = 7, align = "left" },
  { name = "PPID", width = 7, align = "left" },
  { name = "TID", width = 7, align = "left" },
  { name = "AGE", unit = "s", key = "age", width = 7, align = "left", format = "%.2f" },
  { name = "EXIT_CODE", text_only = true },
  { name = "CODE", hidden = true },
  { name = "SIGNAL", hidden = true },
  { name = "CORE", hidden = true },
}))

--- "0", "code 3", "signal 9 (KILL)", "signal 6 (ABRT), core dumped"
local function reason(code, signal, core)
  if signal == 0 then return code == 0 and "0" or ("code %d"):format(code) end
  return ("signal %d (%s)%s"):format(signal, bpf.signal_name(signal),
                                     core and ", core dumped" or "")
end

obj.maps.events:each(function(e)
  local code, signal = bit.rshift(e.status, 8), bit.band(e.status, 0x7f)
  local core = bit.band(e.status, 0x80) ~= 0
  local time, seconds = cli.times(args, e.ts)
  rows:row {
    time = time, seconds = seconds, pcomm = e.comm, pid = e.pid, ppid = e.ppid,
    tid = e.tid, age = e.age / 1e9, exit_code = reason(code, signal, core),
    code = code, signal = signal, core = core,
  }
end)

obj:attach()
rows:header()
bpf.run()
