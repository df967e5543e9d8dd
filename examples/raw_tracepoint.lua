#!/usr/bin/env ebpf-lua
-- A raw tracepoint: the arguments as the kernel passes them, before a record is made of
-- them. Counts system calls by number, the cheapest way there is.
--
--   ebpf-lua examples/raw_tracepoint.lua     Ctrl-C prints the ten most frequent
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    HASH(calls, u32, u64, 1024);

    SEC("raw_tracepoint/sys_enter")
    int on_enter(struct bpf_raw_tracepoint_args *ctx)
    {
      u32 number = ctx->args[1];            /* args[0] is struct pt_regs */
      u64 one = 1, *count = bpf_map_lookup_elem(&calls, &number);

      if (count)
        __sync_fetch_and_add(count, 1);
      else
        bpf_map_update_elem(&calls, &number, &one, BPF_ANY);
      return 0;
    }
  ]],
}

obj:attach()
io.stderr:write("Counting system calls... Hit Ctrl-C to end.\n")
bpf.run()
bpf.print_top(obj.maps.calls, 10)
