#!/usr/bin/env ebpf-lua
-- Hash maps with a value for each CPU: counting needs no lock and no atomic operation;
-- Lua adds up. The LRU one keeps what was used last, however many there are.
--
--   ebpf-lua -d 5 examples/percpu_hash.lua   system calls by program, and by thread
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    struct name { char comm[TASK_COMM_LEN]; };
    struct {
      __uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
      __uint(max_entries, 64);
      __type(key, u32);
      __type(value, u64);
    } by_thread SEC(".maps");
    PERCPU_HASH(by_name, struct name, u64, 1024);

    static __always_inline void count(void *map, void *key)
    {
      u64 one = 1, *own = bpf_map_lookup_elem(map, key);

      if (own)
        (*own)++;                           /* this CPU's; nobody else writes there */
      else
        bpf_map_update_elem(map, key, &one, BPF_NOEXIST);
    }

    SEC("raw_tracepoint/sys_enter")
    int on_call(struct bpf_raw_tracepoint_args *ctx)
    {
      struct name name = {};
      u32 thread = bpf_get_current_pid_tgid();

      bpf_get_current_comm(name.comm, sizeof(name.comm));
      count(&by_name, &name);
      count(&by_thread, &thread);
      return 0;
    }
  ]],
}

local function sum(values)
  local total = 0
  for _, value in ipairs(values) do total = total + value end
  return total
end

obj:attach()
print "counting"
bpf.run()
for name, values in obj.maps.by_name:pairs() do
  print(("%8d %s"):format(sum(values), name.comm))
end
print(("%d threads, of those that ran last"):format(obj.maps.by_thread:count()))
