#!/usr/bin/env ebpf-lua
-- runqlat: how long tasks wait for a CPU, as a histogram.
--
--   runqlat            the whole machine, at Ctrl-C
--   runqlat 1 10       ten times, each second
--   runqlat -P         one histogram a process
--   runqlat -p 181     one process
--
-- A task waits from its wake-up, or from when it had to leave a CPU, until it runs.
local cli = require "bpf.cli"
local report = require "bpf.report"
local scope = require "bpf.scope"

local args = cli.parse {
  name = "runqlat",
  summary = "Summarize run queue (scheduler) latency as a histogram.",
  options = {
    { "-T --time", "time of day before each output" },
    { "-m --milliseconds", "milliseconds in place of microseconds" },
    { "-P --pids", "a histogram for each process" },
    { "-L --tids", "a histogram for each thread" },
    { "-p --pid", "only this process", argument = "PID", convert = cli.number },
  },
  positional = { report.INTERVAL, report.COUNT },
  examples = {
    { "runqlat", "the whole machine, until Ctrl-C" },
    { "runqlat 1 10", "each second, ten times" },
    { "runqlat -mT 1", "milliseconds, with the time of day" },
    { "runqlat -P", "each process" },
    { "runqlat -p 185", "one process" },
  },
}

local obj = scope.load(args, {
  source = [[
    #include <ebl/counts.h>
    #include <ebl/target.h>
    #include <ebl/tasks.h>

    HASH(starts, u32, u64, 65536);                /* by thread */
    HASH(counts, struct hist_key, u64, 65536);

    const volatile u64 unit_ns = 1000;
    const volatile bool by_process = false, by_thread = false;

    static void begin(const struct task_struct *task)
    {
      u32 tid = BPF_CORE_READ(task, pid);
      u64 now = bpf_ktime_get_ns();

      if (!tid || !is_target(BPF_CORE_READ(task, tgid)))
        return;
      bpf_map_update_elem(&starts, &tid, &now, BPF_ANY);
    }

    SEC("tp_btf/sched_wakeup")
    int BPF_PROG(on_wakeup, struct task_struct *task)
    {
      begin(task);
      return 0;
    }

    SEC("tp_btf/sched_wakeup_new")
    int BPF_PROG(on_wakeup_new, struct task_struct *task)
    {
      begin(task);
      return 0;
    }

    SEC("tp_btf/sched_switch")
    int BPF_PROG(on_switch, bool preempt, struct task_struct *from,
                 struct task_struct *to)
    {
      u32 tid = to->pid;
      u64 *start;

      if (preempt || task_state(from) == 0)
        begin(from);
      start = bpf_map_lookup_elem(&starts, &tid);
      if (!start)
        return 0;
      hist_add(&counts, by_process ? to->tgid : by_thread ? tid : 0,
               (bpf_ktime_get_ns() - *start) / unit_ns);
      bpf_map_delete_elem(&starts, &tid);
      return 0;
    }
  ]],
  constants = {
    unit_ns = args.milliseconds and 1000000 or 1000,
    by_process = args.pids or false, by_thread = args.tids or false,
  },
})

obj:attach()
report.run(args, "Tracing run queue latency", report.histograms(obj.maps.counts, {
  unit = args.milliseconds and "msecs" or "usecs",
  section = args.pids and "pid" or args.tids and "tid" or nil,
}))
