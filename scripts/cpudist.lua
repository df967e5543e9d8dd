#!/usr/bin/env ebpf-lua
-- cpudist: how long tasks stay on a CPU at a time, as a histogram; with -O, off it.
--
--   cpudist            the whole machine, at Ctrl-C
--   cpudist 1 10       ten times, each second
--   cpudist -O -p 181  how long one process sleeps and waits
--
-- A stay is counted when it ends; those that began before the tool are not counted.
local cli = require "bpf.cli"
local report = require "bpf.report"
local scope = require "bpf.scope"

local args = cli.parse {
  name = "cpudist",
  summary = "Summarize on- and off-CPU time per task as a histogram.",
  options = {
    { "-O --offcpu", "time off the CPU" },
    { "-T --time", "time of day before each output" },
    { "-m --milliseconds", "milliseconds in place of microseconds" },
    { "-P --pids", "a histogram for each process" },
    { "-L --tids", "a histogram for each thread" },
    { "-p --pid", "only this process", argument = "PID", convert = cli.number },
    { "-I --include-idle", "the idle tasks of the CPUs too" },
  },
  positional = { report.INTERVAL, report.COUNT },
  examples = {
    { "cpudist", "on-CPU time, until Ctrl-C" },
    { "cpudist -O", "off-CPU time" },
    { "cpudist 1 10", "each second, ten times" },
    { "cpudist -mT 1", "milliseconds, with the time of day" },
    { "cpudist -P", "each process" },
  },
}

local obj = scope.load(args, {
  source = [[
    #include <ebl/counts.h>
    #include <ebl/target.h>
    #include <ebl/tasks.h>

    #define TASK_DEAD 0x80

    HASH(starts, u64, u64, 65536);   /* by thread */
    HASH(counts, struct hist_key, u64, 65536);

    const volatile u64 unit_ns = 1000;
    const volatile bool off_cpu = false, with_idle = false;
    const volatile bool by_process = false, by_thread = false;

    static bool wanted(const struct task_struct *task)
    {
      if (!task->pid)
        return with_idle && !target_pid;
      return is_target(task->tgid);
    }

    /* Each CPU has an idle task, all with the same number. */
    static u64 key_of(const struct task_struct *task)
    {
      return task->pid ?: 1ULL << 32 | bpf_get_smp_processor_id();
    }

    static void begin(const struct task_struct *task, u64 now)
    {
      u64 key = key_of(task);

      if (wanted(task))
        bpf_map_update_elem(&starts, &key, &now, BPF_ANY);
    }

    static void end(const struct task_struct *task, u64 now)
    {
      u64 key = key_of(task), *start = bpf_map_lookup_elem(&starts, &key);

      if (!start)
        return;
      hist_add(&counts, by_process ? task->tgid : by_thread ? task->pid : 0,
               (now - *start) / unit_ns);
      bpf_map_delete_elem(&starts, &key);
    }

    SEC("tp_btf/sched_switch")
    int BPF_PROG(on_switch, bool preempt, struct task_struct *from,
                 struct task_struct *to)
    {
      u64 now = bpf_ktime_get_ns();

      if (off_cpu) {
        if (!(task_state(from) & TASK_DEAD))
          begin(from, now);
        end(to, now);
      } else {
        end(from, now);
        begin(to, now);
      }
      return 0;
    }
  ]],
  constants = {
    unit_ns = args.milliseconds and 1000000 or 1000,
    off_cpu = args.offcpu or false, with_idle = args.include_idle or false,
    by_process = args.pids or false, by_thread = args.tids or false,
  },
})

obj:attach()
report.run(args, args.offcpu and "Tracing off-CPU time" or "Tracing on-CPU time",
           report.histograms(obj.maps.counts, {
  unit = args.milliseconds and "msecs" or "usecs",
  section = args.pids and "pid" or args.tids and "tid" or nil,
}))
