#!/usr/bin/env ebpf-lua
-- A security hook: nobody else's program may be killed by the processes of one user.
--
--   ebpf-lua lsm.lua 1000        refuses signals from user 1000 to others' processes
local bpf = require "bpf"
local uid = tonumber(arg[1]) or error("a user's number is wanted: lsm.lua 1000", 0)

local obj = bpf.load {
  source = [[
    struct event { u32 pid, target; int signal; char comm[TASK_COMM_LEN]; };
    RINGBUF(refused, struct event, 64 * 1024);
    const volatile u32 watched;

    SEC("lsm/task_kill")
    int BPF_PROG(on_kill, struct task_struct *target, struct kernel_siginfo *info,
                 int signal, const struct cred *cred, int ret)
    {
      struct event e = { .pid = bpf_get_current_pid_tgid() >> 32,
                         .target = target->tgid, .signal = signal };

      if (ret || (u32)bpf_get_current_uid_gid() != watched ||
          target->cred->uid.val == watched)
        return ret; /* what an earlier program said */
      bpf_get_current_comm(e.comm, sizeof(e.comm));
      bpf_ringbuf_output(&refused, &e, sizeof(e), 0);
      return -1; /* EPERM */
    }
  ]],
  constants = { watched = uid },
}

local rows = bpf.table {
  { name = "PID", width = 7 }, { name = "SIGNAL", width = 6 },
  { name = "TARGET", width = 7 }, { name = "COMM" },
}
obj.maps.refused:each(function(e) rows:row(e) end)
obj:attach()
rows:header()
bpf.run()
