#!/usr/bin/env ebpf-lua
-- syscount: system calls, counted by call or by process.
--
--   syscount                the ten most frequent calls, at Ctrl-C
--   syscount -L             those that take most time
--   syscount -P -i 1        processes, every second
--   syscount -x -p 181      failed calls of one process
--
-- A call is counted when it returns; those that never do (exit) are not counted, nor with
-- -L those that began before.
local bpf = require "bpf"
local cli = require "bpf.cli"
local report = require "bpf.report"
local scope = require "bpf.scope"

local function syscall(text)
  return bpf.syscall_number(text) or tonumber(text)
         or nil, ("no system call '%s'"):format(text)
end

local args = cli.parse {
  name = "syscount",
  summary = "Summarize system call counts and latencies.",
  options = {
    { "-p --pid", "only this process", argument = "PID", convert = cli.number },
    { "-t --tid", "only this thread", argument = "TID", convert = cli.number },
    { "-c --ppid", "only children of this process", argument = "PPID",
      convert = cli.number },
    { "-i --interval", "print every so many seconds", argument = "SECONDS",
      convert = cli.seconds },
    { "-T --top", "rows of an output", argument = "TOP", convert = cli.positive,
      default = 10 },
    { "-x --failures", "only calls that fail" },
    { "-e --errno", "only calls that fail with this error (number or name)",
      argument = "ERRNO", convert = cli.errno },
    { "-L --latency", "the time that calls take" },
    { "-m --milliseconds", "milliseconds in place of microseconds" },
    { "-P --process", "by process, not by call" },
    { "-l --list", "print the calls that are known, and end" },
    { "--syscall", "only this call", argument = "SYSCALL", convert = syscall },
  },
  examples = {
    { "syscount", "by call, until Ctrl-C" },
    { "syscount -i 5 -d 60", "every five seconds, for a minute" },
    { "syscount -T 20 -L", "the twenty that take most time" },
    { "syscount -P -x", "failures by process" },
    { "syscount -e ENOENT -i 5", "calls that find nothing" },
    { "syscount -l", "list the calls" },
  },
}

if args.list then
  local rows = bpf.table { { name = "NUMBER", align = "right" }, { name = "SYSCALL" } }
  for _, entry in ipairs(bpf.syscalls()) do rows:row(entry) end
  return
end

local obj = scope.load(args, {
  source = [[
    #include <ebl/counts.h>
    #include <ebl/target.h>

    struct sum {
      u64 count;
      u64 time;   /* nanoseconds */
      char comm[TASK_COMM_LEN];
    };

    LRU_HASH(starts, u32, u64, 10240);   /* by thread: not every call returns */
    HASH(sums, u32, struct sum, 10240);  /* by number of the call, or by process */

    const volatile u32 target_tid = 0, target_ppid = 0;
    const volatile s64 target_call = -1;
    const volatile s32 target_error = 0;
    const volatile bool only_failed = false, with_time = false, by_process = false;

    static bool wanted(s64 call)
    {
      u64 id = bpf_get_current_pid_tgid();
      struct task_struct *task = (void *)bpf_get_current_task();

      if (call < 0 || (target_call >= 0 && call != target_call))
        return false;
      if (!is_target(id >> 32))
        return false;
      if (target_tid && target_tid != (u32)id)
        return false;
      return !target_ppid || BPF_CORE_READ(task, real_parent, tgid) == target_ppid;
    }

    SEC("tracepoint/raw_syscalls/sys_enter")
    int on_enter(struct trace_event_raw_sys_enter *ctx)
    {
      u32 tid = bpf_get_current_pid_tgid();
      u64 now = bpf_ktime_get_ns();

      if (wanted(ctx->id))
        bpf_map_update_elem(&starts, &tid, &now, BPF_ANY);
      return 0;
    }

    static struct sum *sum_of(u32 key)
    {
      struct sum *sum = bpf_map_lookup_elem(&sums, &key), zero = {};

      if (sum)
        return sum;
      if (by_process) {
        struct task_struct *task = (void *)bpf_get_current_task();

        BPF_CORE_READ_STR_INTO(&zero.comm, task, group_leader, comm);
      }
      bpf_map_update_elem(&sums, &key, &zero, BPF_NOEXIST);
      return bpf_map_lookup_elem(&sums, &key);
    }

    SEC("tracepoint/raw_syscalls/sys_exit")
    int on_exit(struct trace_event_raw_sys_exit *ctx)
    {
      u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns(), time = 0;
      u32 tid = id;
      s64 ret = ctx->ret;
      struct sum *sum;

      if (!wanted(ctx->id))
        return 0;
      if (with_time) {
        u64 *start = bpf_map_lookup_elem(&starts, &tid);

        if (!start)
          return 0;
        time = now - *start;
        bpf_map_delete_elem(&starts, &tid);
      }
      if (only_failed && (ret >= 0 || ret < -4095))
        return 0;
      if (target_error && ret != -target_error)
        return 0;
      sum = sum_of(by_process ? id >> 32 : ctx->id);
      if (sum) {
        __sync_fetch_and_add(&sum->count, 1);
        if (with_time)
          __sync_fetch_and_add(&sum->time, time);
      }
      return 0;
    }
  ]],
  constants = {
    target_tid = args.tid or 0, target_ppid = args.ppid or 0,
    target_call = args.syscall or -1, target_error = args.errno or 0,
    only_failed = args.failures or false, with_time = args.latency or false,
    by_process = args.process or false,
  },
})

local function columns()
  return {
    { name = "PID", width = 6, align = "left", when = args.process or false },
    { name = "COMM", width = 15, when = args.process or false },
    { name = "SYSCALL", width = 22, when = not args.process },
    { name = "COUNT", width = 8, align = "right" },
    { name = "TIME", unit = args.milliseconds and "ms" or "us", width = 16,
      format = "%.3f", when = args.latency or false },
  }
end

local changes = report.changes(obj.maps.sums)
local unit = args.milliseconds and 1e6 or 1e3

local function show()
  local list = {}
  for key, sum in pairs(changes()) do
    list[#list + 1] = {
      pid = key, comm = sum.comm, syscall = bpf.syscall_name(key), count = sum.count,
      time_us = tonumber(sum.time) / unit, time_ms = tonumber(sum.time) / unit,
    }
  end
  local by = args.latency and "time_us" or "count"
  table.sort(list, function(a, b)
    if a[by] ~= b[by] then return a[by] > b[by] end
    return a.pid < b.pid
  end)
  report.print_time()
  local rows = bpf.table(cli.columns(args, columns()))
  rows:header()
  for place = 1, math.min(args.top, #list) do rows:row(list[place]) end
end

if args.latency then
  obj:attach()
else
  obj.programs.on_exit:attach()
end
report.run(args, "Counting system calls", show)
