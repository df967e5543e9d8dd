#!/usr/bin/env ebpf-lua
-- A hook of a control group: connections of its processes to one port go to another, and
-- each is shown.
--
--   ebpf-lua examples/cgroup_connect.lua /sys/fs/cgroup/web 80 8080
local bpf = require "bpf"
local cli = require "bpf.cli"

local args = cli.parse {
  name = "cgroup_connect", summary = "Send connections to another port.",
  options = {},
  positional = { { "group", "path of the control group" },
                 { "from", "the port that is asked for", convert = cli.number },
                 { "to", "the port that is connected", convert = cli.number } },
}
if not args.to then error("which group and ports? see -h", 0) end

local obj = bpf.load {
  source = [[
    struct event { u32 pid; u32 address; char comm[TASK_COMM_LEN]; };
    RINGBUF(events, struct event, 64 * 1024);
    const volatile u16 from, to;

    SEC("cgroup/connect4")
    int redirect(struct bpf_sock_addr *ctx)
    {
      struct event *e;

      if (ctx->user_port != bpf_htons(from))
        return 1;
      ctx->user_port = bpf_htons(to);
      e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
      if (!e)
        return 1;
      e->pid = bpf_get_current_pid_tgid() >> 32;
      e->address = ctx->user_ip4;
      bpf_get_current_comm(e->comm, sizeof(e->comm));
      bpf_ringbuf_submit(e, 0);
      return 1;
    }
  ]],
  constants = { from = args.from, to = args.to },
}

obj.maps.events:each(function(e)
  print(e.pid, e.comm, bpf.ntop(e.address), ("%d -> %d"):format(args.from, args.to))
end)
obj.programs.redirect:attach("cgroup:" .. args.group .. ":connect4")
bpf.run()
