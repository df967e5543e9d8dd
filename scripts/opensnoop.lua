#!/usr/bin/env ebpf-lua
-- opensnoop: files as they are opened, with the result.
--
--   opensnoop               every open
--   opensnoop -x            failed ones only
--   opensnoop -p 181 -T     one process, with the time of day
--
-- open, openat and openat2 alike. The path is read when the call returns: by then the
-- kernel has had it in memory, which at the start of the call it need not be.
local bpf = require "bpf"
local cli = require "bpf.cli"
local scope = require "bpf.scope"

local args = cli.parse {
  name = "opensnoop",
  summary = "Trace open() calls.",
  options = {
    { "-T --time", "time of day" },
    { "-t --timestamp", "seconds since the start" },
    { "-U --print-uid", "user ids" },
    { "-x --failed", "only failed opens" },
    { "-p --pid", "only this process", argument = "PID", convert = cli.number },
    { "--tid", "only this thread", argument = "TID", convert = cli.number },
    { "-u --uid", "only this user (number or name)", argument = "UID",
      convert = cli.uid },
    { "-n --name", "only commands whose name contains NAME", argument = "NAME" },
    { "-e --extended", "show the flags of the call" },
  },
  examples = {
    { "opensnoop", "all opens" },
    { "opensnoop -x", "failed opens" },
    { "opensnoop -p 181", "one process" },
    { "opensnoop -d 10", "ten seconds" },
    { "opensnoop -n main", "names that contain \"main\"" },
  },
}

local obj = scope.load(args, {
  source = [[
    #include <ebl/target.h>

    struct call {
      const char *path;
      int flags;
    };

    struct event {
      u64 ts;
      u32 pid, uid;
      int ret, flags;
      char comm[TASK_COMM_LEN];
      char path[PATH_MAX];
    };

    RINGBUF(events, struct event, 1024 * 1024);
    PERCPU_ARRAY(scratch, struct event, 1);
    HASH(calls, u32, struct call, 10240);

    const volatile u32 target_tid = 0, target_uid = -1;
    const volatile bool only_failed = false;

    static int enter(const char *path, int flags)
    {
      u64 id = bpf_get_current_pid_tgid();
      u32 tid = id;
      struct call call = { .path = path, .flags = flags };

      if (!is_target(id >> 32))
        return 0;
      if (target_tid && target_tid != tid)
        return 0;
      if (target_uid != -1 && target_uid != (u32)bpf_get_current_uid_gid())
        return 0;
      bpf_map_update_elem(&calls, &tid, &call, BPF_ANY);
      return 0;
    }

    static int leave(long ret)
    {
      u32 tid = bpf_get_current_pid_tgid(), zero = 0;
      struct call *call = bpf_map_lookup_elem(&calls, &tid);
      struct event *e = bpf_map_lookup_elem(&scratch, &zero);
      long length;

      if (!call || !e)
        return 0;
      if (only_failed && ret >= 0)
        goto done;
      e->ts = bpf_ktime_get_ns();
      e->pid = bpf_get_current_pid_tgid() >> 32;
      e->uid = bpf_get_current_uid_gid();
      e->ret = ret;
      e->flags = call->flags;
      bpf_get_current_comm(e->comm, sizeof(e->comm));
      length = bpf_probe_read_user_str(e->path, sizeof(e->path), call->path);
      if (length < 1) {
        e->path[0] = 0;
        length = 1;
      }
      if (length <= PATH_MAX)
        bpf_ringbuf_output(&events, e, offsetof(struct event, path) + length, 0);
    done:
      bpf_map_delete_elem(&calls, &tid);
      return 0;
    }

    SEC("tracepoint/syscalls/sys_enter_open")
    int enter_open(struct trace_event_raw_sys_enter *ctx)
    {
      return enter((const char *)ctx->args[0], ctx->args[1]);
    }

    SEC("tracepoint/syscalls/sys_enter_openat")
    int enter_openat(struct trace_event_raw_sys_enter *ctx)
    {
      return enter((const char *)ctx->args[1], ctx->args[2]);
    }

    SEC("tracepoint/syscalls/sys_enter_openat2")
    int enter_openat2(struct trace_event_raw_sys_enter *ctx)
    {
      struct open_how how = {};

      bpf_probe_read_user(&how, sizeof(how), (void *)ctx->args[2]);
      return enter((const char *)ctx->args[1], how.flags);
    }

    SEC("tracepoint/syscalls/sys_exit_open")
    int exit_open(struct trace_event_raw_sys_exit *ctx) { return leave(ctx->ret); }

    SEC("tracepoint/syscalls/sys_exit_openat")
    int exit_openat(struct trace_event_raw_sys_exit *ctx) { return leave(ctx->ret); }

    SEC("tracepoint/syscalls/sys_exit_openat2")
    int exit_openat2(struct trace_event_raw_sys_exit *ctx) { return leave(ctx->ret); }
  ]],
  constants = {
    target_tid = args.tid or 0,
    target_uid = args.uid or 0xffffffff, only_failed = args.failed or false,
  },
})

local columns = {}
if args.time then columns[#columns + 1] = { name = "TIME", width = 8 } end
if args.timestamp then
  columns[#columns + 1] = { name = "TIME", unit = "s", key = "seconds", width = 13,
                            align = "left", format = "%.9f" }
end
if args.print_uid then
  columns[#columns + 1] = { name = "UID", width = 5, align = "left" }
end
for _, column in ipairs {
  { name = "PID", width = 6, align = "left" },
  { name = "COMM", width = 16 },
  { name = "FD", width = 4, align = "right" },
  { name = "ERR", width = 3, align = "right" },
} do
  columns[#columns + 1] = column
end
if args.extended then
  columns[#columns + 1] = { name = "FLAGS", width = 8, align = "left", format = "%08o" }
end
columns[#columns + 1] = { name = "PATH" }
local rows = bpf.table(columns)

obj.maps.events:each(function(e)
  if args.name and not e.comm:find(args.name, 1, true) then return end
  rows:row {
    time = args.time and bpf.time(e.ts), seconds = cli.elapsed(e.ts), uid = e.uid,
    pid = e.pid, comm = e.comm, fd = e.ret >= 0 and e.ret or -1,
    err = e.ret < 0 and -e.ret or 0, flags = e.flags, path = e.path,
  }
end)

obj:attach()
rows:header()
bpf.run()
