#!/usr/bin/env ebpf-lua
-- A device that the processes of a control group may not open, whatever its file's mode
-- says; who tries is shown.
--
--   ebpf-lua examples/cgroup_device.lua /sys/fs/cgroup/web 1 5     /dev/zero
local bpf = require "bpf"

local group, major, minor = arg[1], tonumber(arg[2]), tonumber(arg[3])
if not minor then error("usage: cgroup_device.lua GROUP MAJOR MINOR", 0) end

local obj = bpf.load {
  source = [[
    struct event { u32 pid, access; char comm[TASK_COMM_LEN]; };
    RINGBUF(events, struct event, 64 * 1024);
    const volatile u32 major, minor;

    SEC("cgroup/dev")
    int device(struct bpf_cgroup_dev_ctx *ctx)
    {
      struct event e = {};

      if (ctx->major != major || ctx->minor != minor)
        return 1;
      e.pid = bpf_get_current_pid_tgid() >> 32;
      e.access = ctx->access_type >> 16;
      bpf_probe_read_kernel_str(e.comm, sizeof(e.comm),
                                ((struct task_struct *)bpf_get_current_task())->comm);
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
      return 0;
    }
  ]],
  constants = { major = major, minor = minor },
}

local WAYS = { "mknod", "read", "mknod, read", "write", "mknod, write", "read, write" }
obj.maps.events:each(function(e)
  print(e.pid, e.comm, ("%d:%d refused: %s"):format(major, minor, WAYS[e.access]))
end)
obj.programs.device:attach("cgroup:" .. group .. ":device")
print("attached to " .. group)
bpf.run()
