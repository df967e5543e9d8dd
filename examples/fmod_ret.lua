#!/usr/bin/env ebpf-lua
-- fmod_ret decides what a function of the kernel returns, where that lets it: the mkdir()
-- of one process fail as on a full disk (28, ENOSPC), to see what it makes of it.
--
--   ebpf-lua examples/fmod_ret.lua PID [ERRNO]
local bpf = require "bpf"

local pid, errno = tonumber(arg[1]), tonumber(arg[2] or 28)
if not pid or not errno then error("usage: fmod_ret.lua PID [ERRNO]", 0) end

local obj = bpf.load {
  source = [[
    struct event { char name[64]; };
    RINGBUF(events, struct event, 64 * 1024);
    const volatile u32 target;
    const volatile int error;

    SEC("fmod_ret/security_inode_mkdir")
    int BPF_PROG(on_mkdir, struct inode *folder, struct dentry *entry, umode_t mode,
                 int result)
    {
      struct event e = {};

      if (result || bpf_get_current_pid_tgid() >> 32 != target)
        return result;                      /* 0: the kernel's own function runs */
      bpf_probe_read_kernel_str(e.name, sizeof(e.name), entry->d_name.name);
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
      return -error;
    }
  ]],
  constants = { target = pid, error = errno },
}

obj.maps.events:each(function(e) print(("mkdir %s failed"):format(e.name)) end)
obj:attach()
print("watching " .. pid)
bpf.run()
