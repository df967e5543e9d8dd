#!/usr/bin/env ebpf-lua
-- A tracepoint with BTF: its arguments are the kernel's own structs, read like any
-- pointer in C, without a helper.
--
--   ebpf-lua examples/tp_btf.lua             who takes the CPU from whom; Ctrl-C ends it
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    struct pair { char from[TASK_COMM_LEN], to[TASK_COMM_LEN]; };
    HASH(switches, struct pair, u64, 10240);

    SEC("tp_btf/sched_switch")
    int BPF_PROG(on_switch, bool preempt, struct task_struct *prev,
                 struct task_struct *next)
    {
      struct pair pair = {};
      u64 one = 1, *count;

      if (prev->mm == next->mm)             /* threads of one process, or of the kernel */
        return 0;
      __builtin_memcpy(pair.from, prev->comm, sizeof(pair.from));
      __builtin_memcpy(pair.to, next->comm, sizeof(pair.to));
      count = bpf_map_lookup_elem(&switches, &pair);
      if (count)
        __sync_fetch_and_add(count, 1);
      else
        bpf_map_update_elem(&switches, &pair, &one, BPF_ANY);
      return 0;
    }
  ]],
}

obj:attach()
io.stderr:write("Watching the scheduler... Hit Ctrl-C to end.\n")
bpf.run()
local rows = bpf.table { { name = "COUNT", width = 8 }, { name = "FROM", width = 16 },
                         { name = "TO" } }
for pair, count in obj.maps.switches:pairs() do
  rows:row { count = count, from = pair.from, to = pair.to }
end
