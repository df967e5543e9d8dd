#!/usr/bin/env ebpf-lua
-- A raw tracepoint that lets a program write to what it is handed: there are few, such as
-- the one at the end of a program's test run, with the error that user space will get.
--
--   ebpf-lua examples/raw_tracepoint_write.lua          a test run that fails on demand
local bpf = require "bpf"
local ffi = require "ffi"

ffi.cdef "int getpid(void);"

local obj = bpf.load {
  source = [[
    int wanted;                             /* 0: as it is */
    u64 changed;
    const volatile u32 own;

    SEC("raw_tracepoint.w/bpf_test_finish")
    int on_finish(struct bpf_raw_tracepoint_args *ctx)
    {
      int *error = (int *)ctx->args[0];

      if (wanted && bpf_get_current_pid_tgid() >> 32 == own) {
        *error = -wanted;
        changed++;
      }
      return 0;
    }

    SEC("socket") int length(struct __sk_buff *skb) { return skb->len; }
  ]],
  constants = { own = ffi.C.getpid() },
}

local function try(what)
  local ok, result = pcall(obj.programs.length.test_run, obj.programs.length,
                           { data = ("x"):rep(64) })
  print(what, ok and result.retval or result.message)
end

obj.programs.on_finish:attach()
try "as it is"
obj.variables.wanted = 28       -- ENOSPC, as on a full disk
try "with 28"
obj.variables.wanted = 0
try "as it was"
print("changed", obj.variables.changed)
