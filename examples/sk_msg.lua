#!/usr/bin/env ebpf-lua
-- What a process of a control group sends to another of the same machine goes straight
-- into the other's socket: one program puts sockets into a map as they connect, the other
-- finds the peer there. Neither program of user space knows.
--
--   ebpf-lua examples/sk_msg.lua /sys/fs/cgroup/web
local bpf = require "bpf"

local group = arg[1] or error("usage: sk_msg.lua GROUP", 0)

local obj = bpf.load {
  source = [[
    struct key { u32 local_ip, remote_ip, local_port, remote_port; };
    struct {
      __uint(type, BPF_MAP_TYPE_SOCKHASH);
      __uint(max_entries, 65536);
      __type(key, struct key);
      __type(value, u64);
    } sockets SEC(".maps");
    u64 messages, bytes;

    SEC("sockops")
    int remember(struct bpf_sock_ops *ctx)
    {
      struct key key = { ctx->local_ip4, ctx->remote_ip4, ctx->local_port,
                         bpf_ntohl(ctx->remote_port) };

      if (ctx->family == AF_INET && (ctx->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB ||
                                     ctx->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB))
        bpf_sock_hash_update(ctx, &sockets, &key, BPF_ANY);
      return 1;
    }

    SEC("sk_msg")
    int short_cut(struct sk_msg_md *msg)
    {
      struct key peer = { msg->remote_ip4, msg->local_ip4, bpf_ntohl(msg->remote_port),
                          msg->local_port };

      messages++;
      bytes += msg->size;
      return bpf_msg_redirect_hash(msg, &sockets, &peer, BPF_F_INGRESS);
    }
  ]],
}

obj.programs.short_cut:attach "sockmap:sockets:sk_msg"
obj.programs.remember:attach("cgroup:" .. group .. ":sock_ops")
print("attached to " .. group)
bpf.every(0.2, function()
  print(("%d messages, %d bytes"):format(obj.variables.messages, obj.variables.bytes))
end)
bpf.run()
