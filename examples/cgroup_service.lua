#!/usr/bin/env ebpf-lua
-- A service's address: the processes of a control group reach one port at an address that
-- no machine has, by TCP and UDP, and see that address wherever they ask. (connect6,
-- sendmsg6, recvmsg6 and getpeername6 are the same for IPv6.)
--
--   ebpf-lua examples/cgroup_service.lua GROUP 53 5353   10.96.0.10:53 is localhost:5353
local bpf = require "bpf"

local group, port, backend = arg[1], tonumber(arg[2]), tonumber(arg[3])
if not backend then error("usage: cgroup_service.lua GROUP PORT BACKEND", 0) end

local obj = bpf.load {
  source = [[
    #define SERVICE bpf_htonl(0x0a60000a)             /* 10.96.0.10 */
    #define BACKEND bpf_htonl(0x7f000001)
    const volatile u16 port, backend;
    u64 sent, received;

    static int exchange(struct bpf_sock_addr *ctx, u32 address, u16 from,
                        u32 other, u16 to, u64 *count)
    {
      if (ctx->user_ip4 == address && ctx->user_port == bpf_htons(from)) {
        ctx->user_ip4 = other;
        ctx->user_port = bpf_htons(to);
        __sync_fetch_and_add(count, 1);
      }
      return 1;
    }
    static int there(struct bpf_sock_addr *ctx)
    {
      return exchange(ctx, SERVICE, port, BACKEND, backend, &sent);
    }
    static int back(struct bpf_sock_addr *ctx)
    {
      return exchange(ctx, BACKEND, backend, SERVICE, port, &received);
    }

    SEC("cgroup/connect4") int connect4(struct bpf_sock_addr *ctx) { return there(ctx); }
    SEC("cgroup/sendmsg4") int sendmsg4(struct bpf_sock_addr *ctx) { return there(ctx); }
    SEC("cgroup/recvmsg4") int recvmsg4(struct bpf_sock_addr *ctx) { return back(ctx); }
    SEC("cgroup/getpeername4") int getpeername4(struct bpf_sock_addr *ctx)
    {
      return back(ctx);
    }
  ]],
  constants = { port = port, backend = backend },
}

for name, program in pairs(obj.programs) do
  program:attach(("cgroup:%s:%s"):format(group, name))
end
print("attached to " .. group)
bpf.every(0.2, function()
  print(("%d there, %d back"):format(obj.variables.sent, obj.variables.received))
end)
bpf.run()
