#!/usr/bin/env ebpf-lua
-- A security hook for the processes of one control group: they serve nobody, whatever
-- their privileges. 0 is a refusal here (EPERM), and 1 leaves it to others.
--
--   ebpf-lua examples/lsm_cgroup.lua /sys/fs/cgroup/web
local bpf = require "bpf"

local group = arg[1] or error("usage: lsm_cgroup.lua GROUP", 0)

local obj = bpf.load {
  source = [[
    struct event { u32 pid, port; char comm[TASK_COMM_LEN]; };
    RINGBUF(events, struct event, 64 * 1024);

    SEC("lsm_cgroup/socket_listen")
    int BPF_PROG(on_listen, struct socket *socket, int backlog)
    {
      struct event e = { .pid = bpf_get_current_pid_tgid() >> 32 };
      struct sock *sk = socket->sk;

      if (!sk)
        return 1;
      e.port = sk->__sk_common.skc_num;
      bpf_get_current_comm(e.comm, sizeof(e.comm));
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
      return 0;
    }
  ]],
}

obj.maps.events:each(function(e)
  print(("%s (%d) may not listen on port %d"):format(e.comm, e.pid, e.port))
end)
obj.programs.on_listen:attach(("lsm_cgroup:%s:socket_listen"):format(group))
print("attached to " .. group)
bpf.run()
