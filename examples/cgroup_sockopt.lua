#!/usr/bin/env ebpf-lua
-- Options of sockets on their way: the processes of a control group ask for a priority,
-- get at most 3, and are told what they asked for.
--
--   ebpf-lua examples/cgroup_sockopt.lua /sys/fs/cgroup/web
local bpf = require "bpf"

local group = arg[1] or error("usage: cgroup_sockopt.lua GROUP", 0)

local obj = bpf.load {
  source = [[
    u64 lowered;
    struct {
      __uint(type, BPF_MAP_TYPE_SK_STORAGE);
      __uint(map_flags, BPF_F_NO_PREALLOC);
      __type(key, int);
      __type(value, int);
    } asked SEC(".maps");

    SEC("cgroup/setsockopt")
    int set(struct bpf_sockopt *ctx)
    {
      int *value = ctx->optval, *note;

      if (ctx->level != SOL_SOCKET || ctx->optname != SO_PRIORITY)
        return 1;
      if ((void *)(value + 1) > ctx->optval_end)
        return 0;                           /* the call fails with EPERM */
      note = bpf_sk_storage_get(&asked, ctx->sk, value, BPF_SK_STORAGE_GET_F_CREATE);
      if (note)
        *note = *value;
      if (*value > 3) {
        *value = 3;
        lowered++;
      }
      return 1;
    }

    SEC("cgroup/getsockopt")
    int get(struct bpf_sockopt *ctx)
    {
      int *value = ctx->optval, *note;

      if (ctx->level != SOL_SOCKET || ctx->optname != SO_PRIORITY)
        return 1;
      note = bpf_sk_storage_get(&asked, ctx->sk, 0, 0);
      if (note && (void *)(value + 1) <= ctx->optval_end)
        *value = *note;
      return 1;
    }
  ]],
}

for name, hook in pairs { set = "setsockopt", get = "getsockopt" } do
  obj.programs[name]:attach(("cgroup:%s:%s"):format(group, hook))
end
print("attached to " .. group)
bpf.every(0.2, function() print(("lowered %d"):format(obj.variables.lowered)) end)
bpf.run()
