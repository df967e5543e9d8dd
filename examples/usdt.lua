#!/usr/bin/env ebpf-lua
-- A static probe (USDT) that a program's authors put there: its arguments by number. The
-- probe's semaphore is raised as long as this runs.
--
--   ebpf-lua examples/usdt.lua python3 python:function__entry
--   bpftrace or readelf -n PATH lists the probes of a program
local bpf = require "bpf"

local path, probe = arg[1], arg[2]
if not probe then error("usage: usdt.lua PROGRAM PROVIDER:PROBE", 0) end

local obj = bpf.load {
  source = [[
    struct event { u32 pid; s32 count; s64 arguments[4]; char comm[TASK_COMM_LEN]; };
    RINGBUF(events, struct event, 256 * 1024);

    SEC("usdt")
    int on_probe(struct pt_regs *ctx)
    {
      struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

      if (!e)
        return 0;
      e->pid = bpf_get_current_pid_tgid() >> 32;
      e->count = bpf_usdt_arg_cnt(ctx);
      for (int i = 0; i < 4; i++) {
        long value = 0;

        bpf_usdt_arg(ctx, i, &value);       /* 0 stays where there are fewer */
        e->arguments[i] = value;
      }
      bpf_get_current_comm(e->comm, sizeof(e->comm));
      bpf_ringbuf_submit(e, 0);
      return 0;
    }
  ]],
}

obj.maps.events:each(function(e)
  local values = {}
  for i = 1, math.min(e.count, 4) do
    values[i] = tostring(e.arguments[i]):gsub("LL$", "")
  end
  print(e.pid, e.comm, table.concat(values, " "))
end)
obj.programs.on_probe:attach(("usdt:%s:%s"):format(path, probe))
print("probing " .. path)
bpf.run()
