#!/usr/bin/env ebpf-lua
-- A value for each CPU: scratch memory that is too large for the 512 bytes of a program's
-- stack, and counters that no lock has to protect. An LRU map forgets what is old.
--
--   ebpf-lua examples/percpu.lua             paths that are opened, and how long they are
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    struct scratch { char path[4096]; };
    PERCPU_ARRAY(scratch, struct scratch, 1);
    struct totals { u64 calls, bytes; };
    PERCPU_ARRAY(totals, struct totals, 1);
    LRU_HASH(lengths, u32, u64, 64);

    SEC("tracepoint/syscalls/sys_enter_openat")
    int on_open(struct trace_event_raw_sys_enter *ctx)
    {
      u32 zero = 0, length;
      u64 one = 1, *count;
      struct scratch *s = bpf_map_lookup_elem(&scratch, &zero);
      struct totals *t = bpf_map_lookup_elem(&totals, &zero);
      long size;

      if (!s || !t)
        return 0;
      size = bpf_probe_read_user_str(s->path, sizeof(s->path), (void *)ctx->args[1]);
      if (size < 0)
        return 0;
      t->calls++;
      t->bytes += size - 1;
      length = size - 1;
      count = bpf_map_lookup_elem(&lengths, &length);
      if (count)
        __sync_fetch_and_add(count, 1);
      else
        bpf_map_update_elem(&lengths, &length, &one, BPF_ANY);
      return 0;
    }
  ]],
}

obj:attach()
print "counting"
bpf.every(0.5, function()
  local calls, bytes = 0, 0
  for _, cpu in ipairs(obj.maps.totals[0]) do
    calls, bytes = calls + cpu.calls, bytes + cpu.bytes
  end
  print(("%d paths of %d bytes, %d different lengths"):format(calls, bytes,
                                                              obj.maps.lengths:count()))
end)
bpf.run()
