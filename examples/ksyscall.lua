#!/usr/bin/env ebpf-lua
-- ksyscall and kretsyscall: a system call by its own name, whatever this kernel calls the
-- function behind it, with the arguments that the process gave.
--
--   ebpf-lua examples/ksyscall.lua           signals that are sent, and what came of it
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    struct event { u32 pid; int target, signal, result; char comm[TASK_COMM_LEN]; };
    RINGBUF(events, struct event, 64 * 1024);
    HASH(calls, u64, struct event, 1024);

    SEC("ksyscall/kill")
    int BPF_KSYSCALL(on_kill, int target, int signal)
    {
      u64 thread = bpf_get_current_pid_tgid();
      struct event e = { .pid = thread >> 32, .target = target, .signal = signal };

      bpf_get_current_comm(e.comm, sizeof(e.comm));
      bpf_map_update_elem(&calls, &thread, &e, BPF_ANY);
      return 0;
    }

    SEC("kretsyscall/kill")
    int BPF_KRETPROBE(on_return, int result)
    {
      u64 thread = bpf_get_current_pid_tgid();
      struct event *e = bpf_map_lookup_elem(&calls, &thread);

      if (!e)
        return 0;
      e->result = result;
      bpf_ringbuf_output(&events, e, sizeof(*e), 0);
      bpf_map_delete_elem(&calls, &thread);
      return 0;
    }
  ]],
}

local tbl = bpf.table { { name = "PID", width = 7 }, { name = "COMM", width = 16 },
                        { name = "TARGET", width = 7 }, { name = "SIGNAL", width = 6 },
                        { name = "RESULT" } }
obj.maps.events:each(function(e) tbl:row(e) end)
obj:attach()
tbl:header()
bpf.run()
