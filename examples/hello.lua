#!/usr/bin/env ebpf-lua
-- bpf_printk and trace_pipe: the shortest way to see that a probe fires.
--
--   ebpf-lua examples/hello.lua        a line for each program that starts, until Ctrl-C
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    SEC("tracepoint/syscalls/sys_enter_execve")
    int hello(void *ctx)
    {
      bpf_printk("hello from pid %d", bpf_get_current_pid_tgid() >> 32);
      return 0;
    }
  ]],
}

bpf.trace_pipe(function(line)
  if line.text:match("^hello") then print(line.task, line.text) end
end)

obj:attach()
bpf.run()
