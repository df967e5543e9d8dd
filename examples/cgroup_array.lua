#!/usr/bin/env ebpf-lua
-- A control group as a filter: the program acts only on processes below a group, which
-- Lua names by its path.
--
--   ebpf-lua examples/cgroup_array.lua /sys/fs/cgroup/web   programs that start there
local bpf = require "bpf"

local group = arg[1] or error("usage: cgroup_array.lua GROUP", 0)

local obj = bpf.load {
  source = [[
    struct {
      __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
      __uint(max_entries, 1);
      __type(key, u32);
      __type(value, u32);
    } groups SEC(".maps");
    struct event { u32 pid; char comm[TASK_COMM_LEN]; };
    RINGBUF(events, struct event, 64 * 1024);
    u64 elsewhere;

    SEC("tracepoint/sched/sched_process_exec")
    int on_exec(void *ctx)
    {
      struct event e = { .pid = bpf_get_current_pid_tgid() >> 32 };

      if (bpf_current_task_under_cgroup(&groups, 0) != 1) {
        __sync_fetch_and_add(&elsewhere, 1);
        return 0;
      }
      bpf_get_current_comm(e.comm, sizeof(e.comm));
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
      return 0;
    }
  ]],
}

obj.maps.groups:update(0, group)
obj.maps.events:each(function(e) print(e.pid, e.comm) end)
obj:attach()
print("watching " .. group)
bpf.run()
print("elsewhere", obj.variables.elsewhere)
