#!/usr/bin/env ebpf-lua
-- A perf event as a clock: 99 times a second the program runs on each CPU and notes the
-- stack of what it interrupted. A stack is kept once, by its number.
--
--   ebpf-lua examples/perf.lua [PID]         Ctrl-C prints the stacks
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    struct key { s32 kernel, user; u32 pid; char comm[TASK_COMM_LEN]; };
    HASH(samples, struct key, u64, 10240);
    STACKS(stacks, 10240);

    SEC("perf_event")
    int on_sample(struct bpf_perf_event_data *ctx)
    {
      struct key key = { .pid = bpf_get_current_pid_tgid() >> 32 };
      u64 one = 1, *count;

      key.kernel = bpf_get_stackid(ctx, &stacks, 0);
      key.user = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
      bpf_get_current_comm(key.comm, sizeof(key.comm));
      count = bpf_map_lookup_elem(&samples, &key);
      if (count)
        __sync_fetch_and_add(count, 1);
      else
        bpf_map_update_elem(&samples, &key, &one, BPF_ANY);
      return 0;
    }
  ]],
}

local options = arg[1] and { pid = tonumber(arg[1]) } or nil
obj.programs.on_sample:attach("perf:cpu-clock:99hz", options)
io.stderr:write("Sampling... Hit Ctrl-C to end.\n")
bpf.run()
for key, count in obj.maps.samples:pairs() do
  print(("%d samples in %s (%d)"):format(count, key.comm, key.pid))
  for _, frame in ipairs(key.kernel >= 0 and obj.maps.stacks:stack(key.kernel) or {}) do
    print("    " .. tostring(frame))
  end
  for _, frame in ipairs(key.user >= 0 and obj.maps.stacks:stack(key.user, key.pid) or {})
  do
    print("    " .. tostring(frame))
  end
end
