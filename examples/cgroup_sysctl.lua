#!/usr/bin/env ebpf-lua
-- The kernel's settings as a control group's processes may set them: one of them gets no
-- value that is longer than two digits, and 0 becomes 64.
--
--   ebpf-lua examples/cgroup_sysctl.lua /sys/fs/cgroup/web ip_default_ttl
local bpf = require "bpf"

local group, name = arg[1], arg[2]
if not name then error("usage: cgroup_sysctl.lua GROUP NAME", 0) end

local obj = bpf.load {
  source = [[
    struct event { u32 refused; char value[16]; };
    RINGBUF(events, struct event, 64 * 1024);
    const volatile char wanted[32];

    SEC("cgroup/sysctl")
    int sysctl(struct bpf_sysctl *ctx)
    {
      struct event e = {};
      char name[32] = {};
      long length;

      if (!ctx->write ||
          bpf_sysctl_get_name(ctx, name, sizeof(name), BPF_F_SYSCTL_BASE_NAME) < 0)
        return 1;
      for (int i = 0; i < sizeof(name); i++)
        if (name[i] != wanted[i])
          return 1;
      length = bpf_sysctl_get_new_value(ctx, e.value, sizeof(e.value));
      e.refused = length < 0 || (length > 2 && e.value[2] != '\n');
      if (!e.refused && e.value[0] == '0')
        bpf_sysctl_set_new_value(ctx, "64", 2);
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
      if (e.refused)
        return 0;                           /* the write fails with EPERM */
      return 1;
    }
  ]],
  constants = { wanted = name },
}

obj.maps.events:each(function(e)
  print(name, (e.value:gsub("\n", "")), e.refused == 1 and "refused" or "allowed")
end)
obj.programs.sysctl:attach("cgroup:" .. group .. ":sysctl")
print("attached to " .. group)
bpf.run()
