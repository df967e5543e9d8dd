#!/usr/bin/env ebpf-lua
-- Addresses that sockets are bound to: what the processes of a control group serve at
-- every address of the machine is served at the loopback one alone; they are told that
-- they have what they asked for.
--
--   ebpf-lua examples/cgroup_bind.lua /sys/fs/cgroup/web
local bpf = require "bpf"

local group = arg[1] or error("usage: cgroup_bind.lua GROUP", 0)

local obj = bpf.load {
  source = [[
    #define ONE bpf_htonl(1)
    #define LOOPBACK bpf_htonl(0x7f000001)
    u64 moved;

    static bool is_ipv6(struct bpf_sock_addr *ctx, u32 last)
    {
      return !ctx->user_ip6[0] && !ctx->user_ip6[1] && !ctx->user_ip6[2] &&
             ctx->user_ip6[3] == last;
    }

    SEC("cgroup/bind4") int bind4(struct bpf_sock_addr *ctx)
    {
      if (ctx->user_ip4 == 0) {
        ctx->user_ip4 = LOOPBACK;
        __sync_fetch_and_add(&moved, 1);
      }
      return 1;
    }
    SEC("cgroup/bind6") int bind6(struct bpf_sock_addr *ctx)
    {
      if (is_ipv6(ctx, 0)) {
        ctx->user_ip6[3] = ONE;
        __sync_fetch_and_add(&moved, 1);
      }
      return 1;
    }
    SEC("cgroup/getsockname4") int getsockname4(struct bpf_sock_addr *ctx)
    {
      if (ctx->user_ip4 == LOOPBACK)
        ctx->user_ip4 = 0;
      return 1;
    }
    SEC("cgroup/getsockname6") int getsockname6(struct bpf_sock_addr *ctx)
    {
      if (is_ipv6(ctx, ONE))
        ctx->user_ip6[3] = 0;
      return 1;
    }
  ]],
}

for name, program in pairs(obj.programs) do
  program:attach(("cgroup:%s:%s"):format(group, name))
end
print("attached to " .. group)
bpf.every(0.2, function() print(("moved %d"):format(obj.variables.moved)) end)
bpf.run()
