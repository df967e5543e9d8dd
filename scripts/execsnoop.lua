#!/usr/bin/env ebpf-lua
-- execsnoop: processes as they start, with their arguments.
--
--   execsnoop             every successful exec
--   execsnoop -x -T       failed ones too, with the time of day
--   execsnoop -n ssh      commands whose name contains "ssh"
--
-- The arguments are the new process's own, where the kernel has just put them. Those of a
-- failed exec are read from the caller when the call returns; the path that failed stands
-- first, in the place of the name that the caller gave. "..." follows what is not shown.
local bpf = require "bpf"
local cli = require "bpf.cli"
local scope = require "bpf.scope"

local args = cli.parse {
  name = "execsnoop",
  summary = "Trace new processes.",
  options = {
    { "-T --time", "time of day" },
    { "-t --timestamp", "seconds since the start" },
    { "-x --fails", "include failed execs" },
    { "-u --uid", "only this user (number or name)", argument = "UID",
      convert = cli.uid },
    { "-U --print-uid", "user ids" },
    { "-n --name", "only commands whose name contains NAME", argument = "NAME" },
    { "-l --line", "only where the arguments contain LINE", argument = "LINE" },
    { "-P --ppid", "only children of this process", argument = "PPID",
      convert = cli.number },
    { "-q --quote", "quote each argument" },
    { "--max-args", "most arguments shown", argument = "N", convert = cli.number,
      default = 20 },
  },
  examples = {
    { "execsnoop", "new processes" },
    { "execsnoop -x", "failed execs too" },
    { "execsnoop -T -U", "with the time of day and the user" },
    { "execsnoop -n main", "names that contain \"main\"" },
    { "execsnoop -d 5 --json", "five seconds of JSON lines" },
  },
}

local obj = scope.load(args, {
  source = [[
    #include <ebl/target.h>

    #define ARGS_SIZE 4096  /* bytes of arguments that are kept */
    #define ARGS_MOST 128   /* arguments of a failed exec that are read */

    struct event {
      u64 ts;
      u32 pid, ppid, uid;
      s32 ret;
      u32 args_size;   /* bytes in args, the NULs between them included */
      u32 args_cut;    /* there were more, or they could not be read */
      char comm[TASK_COMM_LEN];
      char args[ARGS_SIZE];
      char beyond[ARGS_SIZE];   /* never sent: the last argument read may reach into it */
    };

    struct call {
      const char *path;
      const char *const *argv;
    };

    RINGBUF(events, struct event, 1024 * 1024);
    PERCPU_ARRAY(scratch, struct event, 1);
    LRU_HASH(calls, u32, struct call, 10240);   /* execs under way, by thread; for -x */

    const volatile u32 target_uid = -1;
    const volatile u32 target_ppid = 0;

    static struct event *new_event(void)
    {
      u32 zero = 0, uid = bpf_get_current_uid_gid(), ppid;
      struct task_struct *task = (void *)bpf_get_current_task();
      struct event *e;

      if (!is_target(bpf_get_current_pid_tgid() >> 32))
        return NULL;
      if (target_uid != -1 && uid != target_uid)
        return NULL;
      ppid = BPF_CORE_READ(task, real_parent, tgid);
      if (target_ppid && ppid != target_ppid)
        return NULL;
      e = bpf_map_lookup_elem(&scratch, &zero);
      if (!e)
        return NULL;
      e->ts = bpf_ktime_get_ns();
      e->pid = bpf_get_current_pid_tgid() >> 32;
      e->ppid = ppid;
      e->uid = uid;
      e->ret = 0;
      e->args_size = 0;
      e->args_cut = 0;
      bpf_get_current_comm(e->comm, sizeof(e->comm));
      return e;
    }

    static void submit(struct event *e)
    {
      u32 size = e->args_size;

      if (size > ARGS_SIZE)
        size = ARGS_SIZE;
      bpf_ringbuf_output(&events, e, offsetof(struct event, args) + size, 0);
    }

    SEC("tp_btf/sched_process_exec")
    int BPF_PROG(on_exec, struct task_struct *task)
    {
      struct event *e = new_event();
      unsigned long start, size;

      if (!e)
        return 0;
      start = BPF_CORE_READ(task, mm, arg_start);
      size = BPF_CORE_READ(task, mm, arg_end) - start;
      if (size > ARGS_SIZE) {
        size = ARGS_SIZE;
        e->args_cut = 1;
      }
      if (bpf_probe_read_user(e->args, size, (void *)start) == 0)
        e->args_size = size;
      else
        e->args_cut = 1;
      submit(e);
      return 0;
    }

    static int on_call(unsigned long path, unsigned long argv)
    {
      u32 tid = bpf_get_current_pid_tgid();
      struct call call = { (const char *)path, (const char *const *)argv };

      bpf_map_update_elem(&calls, &tid, &call, BPF_ANY);
      return 0;
    }

    static void read_arguments(struct event *e, const struct call *call)
    {
      const char *one = call->path;
      u32 size = 0;
      long length;

      for (int i = 0; i < ARGS_MOST; i++) {
        if (i && bpf_probe_read_user(&one, sizeof(one), &call->argv[i]))
          break;   /* no argv at all */
        if (!one)
          break;
        if (size >= ARGS_SIZE || i == ARGS_MOST - 1) {
          e->args_cut = 1;
          break;
        }
        length = bpf_probe_read_user_str((char *)e + offsetof(struct event, args) + size,
                                         ARGS_SIZE, one);
        if (length < 0) {
          e->args_cut = 1;
          break;
        }
        if (length == ARGS_SIZE)
          e->args_cut = 1;
        size += length ? length : 1;   /* some kernels do not count the NUL of "" */
      }
      if (size > ARGS_SIZE) {
        size = ARGS_SIZE;
        e->args_cut = 1;
      }
      e->args_size = size;
    }

    static int on_return(long ret)
    {
      u32 tid = bpf_get_current_pid_tgid();
      struct call *call = bpf_map_lookup_elem(&calls, &tid);
      struct event *e;

      if (call && ret < 0 && (e = new_event())) {
        e->ret = ret;
        read_arguments(e, call);
        submit(e);
      }
      bpf_map_delete_elem(&calls, &tid);
      return 0;
    }

    SEC("tracepoint/syscalls/sys_enter_execve")
    int enter_execve(struct trace_event_raw_sys_enter *ctx)
    {
      return on_call(ctx->args[0], ctx->args[1]);
    }

    SEC("tracepoint/syscalls/sys_enter_execveat")
    int enter_execveat(struct trace_event_raw_sys_enter *ctx)
    {
      return on_call(ctx->args[1], ctx->args[2]);
    }

    SEC("tracepoint/syscalls/sys_exit_execve")
    int exit_execve(struct trace_event_raw_sys_exit *ctx)
    {
      return on_return(ctx->ret);
    }

    SEC("tracepoint/syscalls/sys_exit_execveat")
    int exit_execveat(struct trace_event_raw_sys_exit *ctx)
    {
      return on_return(ctx->ret);
    }
  ]],
  constants = { target_uid = args.uid or 0xffffffff, target_ppid = args.ppid or 0 },
})

local columns = {}
if args.time then columns[#columns + 1] = { name = "TIME", width = 8 } end
if args.timestamp then
  columns[#columns + 1] = { name = "TIME", unit = "s", key = "seconds", width = 7,
                            align = "left", format = "%.3f" }
end
if args.print_uid then
  columns[#columns + 1] = { name = "UID", width = 5, align = "left" }
end
for _, column in ipairs {
  { name = "PCOMM", width = 16 },
  { name = "PID", width = 7, align = "left" },
  { name = "PPID", width = 7, align = "left" },
  { name = "RET", width = 3, align = "right" },
  { name = "ARGS" },
  { name = "ARGV", hidden = true }, -- the same as a list: exact
} do
  columns[#columns + 1] = column
end
local rows = bpf.table(columns)

local function quoted(text)
  return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

--- The arguments as a list, at most args.max_args of them, then "..." where some are
--- missing; and whether that is so.
local function arguments(e)
  local list, cut = {}, e.args_cut ~= 0
  local bytes, from = e:raw("args"):sub(1, e.args_size), 1
  while from <= #bytes do
    if #list == args.max_args then
      cut = true
      break
    end
    local to = bytes:find("\0", from, true) or #bytes + 1
    list[#list + 1] = bytes:sub(from, to - 1)
    from = to + 1
  end
  if cut then list[#list + 1] = "..." end
  return list, cut
end

local function line_of(list, cut)
  if not args.quote then return table.concat(list, " ") end
  local words = {}
  for i, word in ipairs(list) do
    words[i] = cut and i == #list and word or quoted(word)
  end
  return table.concat(words, " ")
end

obj.maps.events:each(function(e)
  if args.name and not e.comm:find(args.name, 1, true) then return end
  local list, cut = arguments(e)
  local line = line_of(list, cut)
  if args.line and not line:find(args.line, 1, true) then return end
  rows:row {
    time = args.time and bpf.time(e.ts), seconds = cli.elapsed(e.ts), uid = e.uid,
    pcomm = e.comm, pid = e.pid, ppid = e.ppid, ret = e.ret, args = line, argv = list,
  }
end)

if args.fails then
  obj:attach()
else
  obj.programs.on_exec:attach()
end
rows:header()
bpf.run()
