#!/usr/bin/env ebpf-lua
-- kprobe and kretprobe by pattern: which functions of the kernel run, and which fail. All
-- of them are one link where the kernel has kprobe.multi, and one probe each elsewhere.
--
--   ebpf-lua -d 5 examples/kprobe_pattern.lua 'vfs_*,ksys_*'
local bpf = require "bpf"

local pattern = arg[1] or error("usage: kprobe_pattern.lua PATTERN", 0)

local obj = bpf.load {
  source = [[
    struct calls { u64 entered, failed; int last; };
    HASH(functions, u64, struct calls, 10240);

    static __always_inline struct calls *calls_of(void *ctx)
    {
      u64 function = bpf_get_func_ip(ctx);
      struct calls first = {};

      bpf_map_update_elem(&functions, &function, &first, BPF_NOEXIST);
      return bpf_map_lookup_elem(&functions, &function);
    }

    SEC("kprobe.multi") int on_entry(struct pt_regs *ctx)
    {
      struct calls *calls = calls_of(ctx);

      if (calls)
        __sync_fetch_and_add(&calls->entered, 1);
      return 0;
    }

    SEC("kretprobe.multi") int on_return(struct pt_regs *ctx)
    {
      int result = PT_REGS_RC(ctx);
      struct calls *calls = result < 0 && result > -4096 ? calls_of(ctx) : NULL;

      if (!calls)
        return 0;
      __sync_fetch_and_add(&calls->failed, 1);
      calls->last = result;
      return 0;
    }
  ]],
}

local link = obj.programs.on_entry:attach("kprobe:" .. pattern)
obj.programs.on_return:attach("kretprobe:" .. pattern)
print(("watching %d functions"):format(link:info().functions or 1))
bpf.run()

local tbl = bpf.table { { name = "CALLS", width = 8 }, { name = "FAILED", width = 8 },
                        { name = "LAST", width = 6 }, { name = "FUNCTION" } }
tbl:header()
for address, calls in obj.maps.functions:pairs() do
  tbl:row { calls = calls.entered, failed = calls.failed, last = calls.last,
            ["function"] = bpf.ksym(address, true) }
end
