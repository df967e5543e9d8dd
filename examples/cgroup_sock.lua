#!/usr/bin/env ebpf-lua
-- Sockets as they are made and bound: the processes of a control group make no raw ones,
-- and bind no port below 1024, whatever their privileges.
--
--   ebpf-lua examples/cgroup_sock.lua /sys/fs/cgroup/web
local bpf = require "bpf"

local group = arg[1] or error("usage: cgroup_sock.lua GROUP", 0)

local obj = bpf.load {
  source = [[
    u64 raw_refused, ports_refused, closed;

    SEC("cgroup/sock_create")
    int create(struct bpf_sock *sk)
    {
      if (sk->type != SOCK_RAW)
        return 1;
      __sync_fetch_and_add(&raw_refused, 1);
      return 0;
    }

    SEC("cgroup/post_bind4")
    int bound(struct bpf_sock *sk)
    {
      if (sk->src_port == 0 || sk->src_port >= 1024)
        return 1;
      __sync_fetch_and_add(&ports_refused, 1);
      return 0;
    }

    SEC("cgroup/sock_release")
    int release(struct bpf_sock *sk)
    {
      __sync_fetch_and_add(&closed, 1);
      return 1;
    }
  ]],
}

local hooks = { create = "sock_create", bound = "post_bind4", release = "sock_release" }
for name, hook in pairs(hooks) do
  obj.programs[name]:attach(("cgroup:%s:%s"):format(group, hook))
end
print("attached to " .. group)
bpf.every(0.2, function()
  local v = obj.variables
  print(("refused: %d raw, %d ports; closed %d"):format(v.raw_refused, v.ports_refused,
                                                        v.closed))
end)
bpf.run()
