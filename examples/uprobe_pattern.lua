#!/usr/bin/env ebpf-lua
-- uprobe and uretprobe by pattern: which functions of a program run and return 0.
--   ebpf-lua -d 5 examples/uprobe_pattern.lua libc 'get*id'
local bpf = require "bpf"
local cli = require "bpf.cli"

local args = cli.parse {
  name = "uprobe_pattern", summary = "Count calls of a program's functions.",
  options = { { "-p --pid", "one process", argument = "PID", convert = cli.number } },
  positional = { { "binary", "a path, or a library's name", required = true },
                 { "pattern", "of functions, such as 'get*id'", required = true } },
}

local obj = bpf.load {
  source = [[
    struct calls { u64 entered, zeros; };
    HASH(functions, u64, struct calls, 10240);

    static __always_inline int count(void *ctx, bool entered, bool zero)
    {
      u64 function = bpf_get_attach_cookie(ctx);
      struct calls first = {}, *calls;

      bpf_map_update_elem(&functions, &function, &first, BPF_NOEXIST);
      calls = bpf_map_lookup_elem(&functions, &function);
      if (calls && entered)
        __sync_fetch_and_add(&calls->entered, 1);
      if (calls && zero)
        __sync_fetch_and_add(&calls->zeros, 1);
      return 0;
    }

    SEC("uprobe") int on_entry(void *ctx) { return count(ctx, true, false); }

    SEC("uretprobe") int on_return(struct pt_regs *ctx)
    {
      return count(ctx, false, PT_REGS_RC(ctx) == 0);
    }
  ]],
}

local where = args.binary .. ":" .. args.pattern
local names, cookies = {}, {}
for i, spec in ipairs(bpf.list_probes("uprobe:" .. where)) do
  names[i] = spec:match "[^:]+$"
  cookies[names[i]] = i
end
local options = { pid = args.pid, cookie = cookies }
local link = obj.programs.on_entry:attach("uprobe:" .. where, options)
obj.programs.on_return:attach("uretprobe:" .. where, options)
io.stderr:write(("Counting calls of %d functions. Ctrl-C ends.\n")
                :format(link:info().functions or 1))
bpf.run()

local tbl = bpf.table { { name = "CALLS", width = 8 }, { name = "ZEROS", width = 8 },
                        { name = "FUNCTION" } }
for cookie, calls in obj.maps.functions:pairs() do
  tbl:row { calls = calls.entered, zeros = calls.zeros, ["function"] = names[cookie] }
end
