#!/usr/bin/env ebpf-lua
-- killsnoop: signals that processes send, with the result.
--
--   killsnoop           every kill(), tkill() and tgkill()
--   killsnoop -x        failed ones only
--   killsnoop -s 9      one signal
--   killsnoop -T 181    to one process or thread
--
-- Signals that the kernel itself sends (of a timer, a fault, a terminal) are no calls and
-- are not shown. TPID is what the caller gave: negative for a group, 0 for its own one.
local bpf = require "bpf"
local cli = require "bpf.cli"
local scope = require "bpf.scope"

local args = cli.parse {
  name = "killsnoop",
  summary = "Trace signals issued by the kill() syscalls.",
  options = {
    { "-x --failed", "only failed calls" },
    { "-p --pid", "only from this process", argument = "PID", convert = cli.number },
    { "-T --tpid", "only to this process, thread or group", argument = "TPID",
      convert = cli.integer },
    { "-s --signal", "only this signal (0 tests for existence)", argument = "SIGNAL",
      convert = cli.signal },
  },
  examples = {
    { "killsnoop", "all signals" },
    { "killsnoop -x", "signals that could not be sent" },
    { "killsnoop -s KILL", "SIGKILL" },
    { "killsnoop -p 181", "from one process" },
    { "killsnoop -T 189", "to one process" },
    { "killsnoop --tpid=-189", "to one process group" },
  },
}

local obj = scope.load(args, {
  source = [[
    #include <ebl/target.h>

    enum call { CALL_kill, CALL_tkill, CALL_tgkill };

    struct event {
      u64 ts;
      u32 pid;
      s32 tpid, signal, result;
      enum call call;
      char comm[TASK_COMM_LEN];
    };

    RINGBUF(events, struct event, 256 * 1024);
    HASH(calls, u32, struct event, 10240);   /* under way, by thread */

    const volatile bool only_failed = false, to_one = false;
    const volatile s32 target_tpid = 0, target_signal = -1;

    static int enter(enum call call, s32 tpid, s32 signal)
    {
      u64 id = bpf_get_current_pid_tgid();
      u32 tid = id;
      struct event e = { .pid = id >> 32, .tpid = tpid, .signal = signal, .call = call };

      if (!is_target(e.pid))
        return 0;
      if (to_one && target_tpid != tpid)
        return 0;
      if (target_signal >= 0 && target_signal != signal)
        return 0;
      bpf_map_update_elem(&calls, &tid, &e, BPF_ANY);
      return 0;
    }

    static int leave(long result)
    {
      u32 tid = bpf_get_current_pid_tgid();
      struct event *e = bpf_map_lookup_elem(&calls, &tid);

      if (!e)
        return 0;
      if (!only_failed || result < 0) {
        e->ts = bpf_ktime_get_ns();
        e->result = result;
        bpf_get_current_comm(e->comm, sizeof(e->comm));
        bpf_ringbuf_output(&events, e, sizeof(*e), 0);
      }
      bpf_map_delete_elem(&calls, &tid);
      return 0;
    }

    #define CALL(name, pid, signal)                                      \
      SEC("tracepoint/syscalls/sys_enter_" #name)                        \
      int enter_##name(struct trace_event_raw_sys_enter *ctx)            \
      {                                                                  \
        return enter(CALL_##name, ctx->args[pid], ctx->args[signal]);    \
      }                                                                  \
      SEC("tracepoint/syscalls/sys_exit_" #name)                         \
      int exit_##name(struct trace_event_raw_sys_exit *ctx)              \
      {                                                                  \
        return leave(ctx->ret);                                          \
      }

    CALL(kill, 0, 1)
    CALL(tkill, 0, 1)
    CALL(tgkill, 1, 2)
  ]],
  constants = {
    only_failed = args.failed or false,
    to_one = args.tpid ~= nil, target_tpid = args.tpid or 0,
    target_signal = args.signal or -1,
  },
})

local rows = bpf.table {
  { name = "TIME", width = 9 },
  { name = "PID", width = 6, align = "left" },
  { name = "COMM", width = 16 },
  { name = "SIG", width = 4, align = "left" },
  { name = "TPID", width = 6, align = "left" },
  { name = "RESULT", align = "left" },
  { name = "CALL", hidden = true },
}

obj.maps.events:each(function(e)
  rows:row {
    time = bpf.time(e.ts), pid = e.pid, comm = e.comm, sig = e.signal, tpid = e.tpid,
    result = e.result, call = e:name("call"):sub(#"CALL_" + 1),
  }
end)

obj:attach()
rows:header()
bpf.run()
