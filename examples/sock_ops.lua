#!/usr/bin/env ebpf-lua
-- What TCP tells of a control group's connections: when they begin, with the first
-- measured round trip, and how they end.
--
--   ebpf-lua examples/sock_ops.lua /sys/fs/cgroup/web
local bpf = require "bpf"

local group = arg[1] or error("usage: sock_ops.lua GROUP", 0)

local obj = bpf.load {
  source = [[
    struct event { u32 what, address, rtt_us, state; u16 port; };
    RINGBUF(events, struct event, 64 * 1024);

    SEC("sockops")
    int sock_ops(struct bpf_sock_ops *ctx)
    {
      struct event e = { .what = ctx->op, .address = ctx->remote_ip4,
                         .rtt_us = ctx->srtt_us >> 3 };

      e.port = bpf_ntohl(ctx->remote_port);
      if (ctx->op == BPF_SOCK_OPS_STATE_CB)
        e.state = ctx->args[1];
      else if (ctx->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB ||
               ctx->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
        bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_STATE_CB_FLAG);
      else
        return 1;
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
      return 1;
    }
  ]],
}

local names = { [bpf.enum.BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB] = "connected to",
                [bpf.enum.BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB] = "accepted from" }
local states = {}
for _, entry in ipairs { "FIN_WAIT1", "CLOSE_WAIT", "LAST_ACK", "CLOSE" } do
  states[bpf.enum["BPF_TCP_" .. entry]] = entry
end
obj.maps.events:each(function(e)
  local what = names[e.what] or states[e.state]
  if what then
    print(("%s %s:%d, round trip %d us"):format(what, bpf.ntop(e.address), e.port,
                                                e.rtt_us))
  end
end)
obj.programs.sock_ops:attach("cgroup:" .. group .. ":sock_ops")
print("attached to " .. group)
bpf.run()
