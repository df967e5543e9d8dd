-- The openat tracer of bench/startup: what openat_limit.c does, as a script.
local bpf = require "bpf"

local obj = bpf.load { source = [[
  struct event { u32 pid; char comm[16]; char file[128]; };
  RINGBUF(events, struct event, 256 * 1024);

  SEC("tracepoint/syscalls/sys_enter_openat")
  int on_open(struct trace_event_raw_sys_enter *ctx)
  {
    struct event e = {};

    e.pid = bpf_get_current_pid_tgid() >> 32;
    bpf_get_current_comm(e.comm, sizeof(e.comm));
    bpf_probe_read_user_str(e.file, sizeof(e.file), (void *)ctx->args[1]);
    bpf_ringbuf_output(&events, &e, sizeof(e), 0);
    return 0;
  }
]] }

obj.maps.events:each(function(e) print(e.pid, e.comm, e.file) end)
obj:attach()
bpf.run()
