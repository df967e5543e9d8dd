#!/usr/bin/env ebpf-lua
-- execsnoop: processes as they start, with their arguments.
--
--   execsnoop             every successful exec
--   execsnoop -x -T       failed ones too, with the time of day
--   execsnoop -n ssh      commands whose name contains "ssh"
--
-- Arguments come from the new process's own memory, where the kernel has just put them; those
-- of a failed exec from the caller's, before the call.
local bpf = require "bpf"
local cli = require "bpf.cli"

local args = cli.parse {
  name = "execsnoop",
  summary = "Trace new processes.",
  options = {
    { "-T --time", "time of day" },
    { "-t --timestamp", "seconds since the start" },
    { "-x --fails", "include failed execs" },
    { "-u --uid", "only this user (number or name)", argument = "UID", convert = cli.uid },
    { "-U --print-uid", "user ids" },
    { "-n --name", "only commands whose name contains NAME", argument = "NAME" },
    { "-l --line", "only where the arguments contain LINE", argument = "LINE" },
    { "-P --ppid", "only children of this process", argument = "PPID", convert = cli.number },
    { "-q --quote", "quote each argument" },
    { "--max-args", "most arguments shown (20)", argument = "N", convert = cli.number,
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

local obj = bpf.load {
  source = [[
    #define ARGS_SIZE 4096  /* bytes of arguments that are kept */
    #define ARGS_MOST 64    /* arguments of a failed exec that are read */

    struct event {
      u64 ts;
      u32 pid, ppid, uid;
      s32 ret;
      u32 args_size;   /* bytes in args, the NULs between them included */
      u32 args_cut;    /* there were more */
      char comm[TASK_COMM_LEN];
      char args[ARGS_SIZE];
    };

    RINGBUF(events, struct event, 1024 * 1024);
    PERCPU_ARRAY(scratch, struct event, 1);
    struct {   /* execs under way, by thread; only with -x, so nothing is reserved for it */
      __uint(type, BPF_MAP_TYPE_HASH);
      __uint(max_entries, 1024);
      __uint(map_flags, BPF_F_NO_PREALLOC);
      __type(key, u32);
      __type(value, struct event);
    } started SEC(".maps");

    const volatile u32 target_uid = -1;
    const volatile u32 target_ppid = 0;

    static struct event *new_event(void)
    {
      u32 zero = 0, uid = bpf_get_current_uid_gid(), ppid;
      struct task_struct *task = (void *)bpf_get_current_task();
      struct event *e;

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
    int BPF_PROG(on_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
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
      submit(e);
      return 0;
    }

    static int on_call(const char *const *argv)
    {
      u32 tid = bpf_get_current_pid_tgid(), size = 0;
      struct event *e = new_event();
      const char *one;
      long length;

      if (!e)
        return 0;
      for (int i = 0; i < ARGS_MOST; i++) {
        one = NULL;
        if (bpf_probe_read_user(&one, sizeof(one), &argv[i]) || !one)
          break;
        if (size > ARGS_SIZE - 256 || i == ARGS_MOST - 1) {
          e->args_cut = 1;
          break;
        }
        length = bpf_probe_read_user_str(&e->args[size], 256, one);
        if (length <= 0)
          break;
        size += length;
      }
      e->args_size = size;
      bpf_map_update_elem(&started, &tid, e, BPF_ANY);
      return 0;
    }

    static int on_return(long ret)
    {
      u32 tid = bpf_get_current_pid_tgid();
      struct event *e = bpf_map_lookup_elem(&started, &tid);

      if (!e)
        return 0;
      e->ret = ret;
      if (ret < 0)
        submit(e);
      bpf_map_delete_elem(&started, &tid);
      return 0;
    }

    SEC("tracepoint/syscalls/sys_enter_execve")
    int enter_execve(struct trace_event_raw_sys_enter *ctx)
    {
      return on_call((const char *const *)ctx->args[1]);
    }

    SEC("tracepoint/syscalls/sys_enter_execveat")
    int enter_execveat(struct trace_event_raw_sys_enter *ctx)
    {
      return on_call((const char *const *)ctx->args[2]);
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
}

local columns = {}
if args.time then columns[#columns + 1] = { name = "TIME", width = 9 } end
if args.timestamp then
  columns[#columns + 1] = { name = "TIME(s)", key = "seconds", width = 8, align = "left",
                            format = "%.3f" }
end
if args.print_uid then columns[#columns + 1] = { name = "UID", width = 6, align = "left" } end
for _, column in ipairs {
  { name = "PCOMM", width = 16 },
  { name = "PID", width = 7, align = "left" },
  { name = "PPID", width = 7, align = "left" },
  { name = "RET", width = 3 },
  { name = "ARGS" },
} do
  columns[#columns + 1] = column
end
local rows = bpf.table(columns)

local function quoted(text)
  return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

local function arguments(e)
  local list, cut = {}, e.args_cut ~= 0
  for one in e:raw("args"):sub(1, e.args_size):gmatch("([^%z]*)%z?") do
    list[#list + 1] = args.quote and quoted(one) or one
  end
  if list[#list] == "" or list[#list] == '""' then list[#list] = nil end -- after the last NUL
  if #list > args.max_args then
    cut = true
    for i = #list, args.max_args + 1, -1 do list[i] = nil end
  end
  if cut then list[#list + 1] = "..." end
  return table.concat(list, " ")
end

local first

obj.maps.events:each(function(e)
  if args.name and not e.comm:find(args.name, 1, true) then return end
  local text = arguments(e)
  if args.line and not text:find(args.line, 1, true) then return end
  first = first or tonumber(e.ts)
  rows:row { time = bpf.time(e.ts), seconds = (tonumber(e.ts) - first) / 1e9, uid = e.uid,
             pcomm = e.comm, pid = e.pid, ppid = e.ppid, ret = e.ret, args = text }
end)

if args.fails then
  obj:attach()
else
  obj.programs.on_exec:attach()
end
bpf.run()
