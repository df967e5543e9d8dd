#!/usr/bin/env ebpf-lua
-- A breakpoint of the processor: who writes to four bytes of memory, and what; in the
-- kernel, the way there as well. There are four of them on x86.
--
--   ebpf-lua examples/breakpoint.lua panic_timeout      a variable of the kernel
--   ebpf-lua examples/breakpoint.lua 0x7f5c4a2e8010 PID      memory of a process
local bpf = require "bpf"

local place, pid = arg[1], tonumber(arg[2])
if not place then error("usage: breakpoint.lua SYMBOL|ADDRESS [PID]", 0) end

local obj = bpf.load {
  source = [[
    struct event { u32 pid; int value; s32 stack; char comm[TASK_COMM_LEN]; };
    RINGBUF(events, struct event, 64 * 1024);
    STACKS(stacks, 1024);

    SEC("perf_event")
    int on_write(struct bpf_perf_event_data *ctx)
    {
      struct event e = { .pid = bpf_get_current_pid_tgid() >> 32 };

      if (bpf_probe_read_kernel(&e.value, sizeof(e.value), (void *)ctx->addr))
        bpf_probe_read_user(&e.value, sizeof(e.value), (void *)ctx->addr);
      e.stack = bpf_get_stackid(ctx, &stacks, 0);
      bpf_get_current_comm(e.comm, sizeof(e.comm));
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
      return 0;
    }
  ]],
}

obj.maps.events:each(function(e)
  print(("%s (%d) makes it %d"):format(e.comm, e.pid, e.value))
  for _, frame in ipairs(e.stack >= 0 and obj.maps.stacks:stack(e.stack) or {}) do
    print("    " .. tostring(frame))
  end
end)
obj.programs.on_write:attach(("breakpoint:%s:w4"):format(place), { pid = pid })
print("watching " .. place)
bpf.run()
