#!/usr/bin/env ebpf-lua
-- Counting in the kernel: the sizes that read() returns, as powers of two. No event is
-- sent; the map is read once, at the end.
--
--   ebpf-lua examples/histogram.lua          Ctrl-C prints it
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    ARRAY(sizes, u64, 64);

    SEC("tracepoint/syscalls/sys_exit_read")
    int on_read(struct trace_event_raw_sys_exit *ctx)
    {
      u32 slot = 0;
      u64 *count;

      if (ctx->ret < 0)
        return 0;
      for (u64 size = ctx->ret; size && slot < 63; size >>= 1)
        slot++;
      count = bpf_map_lookup_elem(&sizes, &slot);
      if (count)
        __sync_fetch_and_add(count, 1);
      return 0;
    }
  ]],
}

obj:attach()
io.stderr:write("Tracing read()... Hit Ctrl-C to end.\n")
bpf.run()
bpf.print_log2_hist(obj.maps.sizes, { unit = "bytes" })
