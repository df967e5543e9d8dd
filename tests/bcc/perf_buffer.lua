#!/usr/bin/env bcc-lua
-- In the style of BCC's own scripts: a perf buffer with its record as a C type in text.
local ffi = require("ffi")

local program = [[
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>

struct call_t {
  u64 when;
  u32 pid;
  char comm[TASK_COMM_LEN];
  int numbers[3];
};
BPF_PERF_OUTPUT(calls);
BPF_HASH(counts, u32);

int on_getpgid(struct pt_regs *ctx, int target) {
  struct call_t call = {};
  u32 pid = bpf_get_current_pid_tgid() >> 32;
  if (pid != PID) return 0;
  call.when = bpf_ktime_get_ns();
  call.pid = pid;
  bpf_get_current_comm(&call.comm, sizeof(call.comm));
  call.numbers[0] = target;
  call.numbers[2] = -7;
  counts.increment(pid);
  calls.perf_submit(ctx, &call, sizeof(call));
  return 0;
}
]]

ffi.cdef [[
int getpgid(int pid);
int getpid(void);
]]

return function(BPF, utils)
  local parser = utils.argparse("perf_buffer", "Calls of getpgid")
  parser:option("-n --count", "how many", 3):convert(tonumber)
  local args = parser:parse()

  local text = program:gsub("PID", tostring(ffi.C.getpid()))
  local b = BPF:new{text=text, debug=0}
  b:attach_uprobe{name="c", sym="getpgid", fn_name="on_getpgid"}
  print("probes: %d" % BPF.num_open_uprobes())

  local seen, before = 0, utils.posix.time_ns()
  local function callback(cpu, event)
    seen = seen + 1
    local age = tonumber(event.when) - before
    print("%s %d %s %d %d %s" % {type(cpu), event.pid == ffi.C.getpid() and 1 or 0,
      ffi.string(event.comm), event.numbers[0], event.numbers[2],
      tostring(age >= 0 and age < 60e9)})
  end

  b:get_table("calls"):open_perf_buffer(callback,
    "struct { uint64_t when; uint32_t pid; char comm[$]; int numbers[3]; }", {16}, 8,
    function(_, lost) print("lost %d" % tonumber(lost)) end)

  for i = 1, args.count do ffi.C.getpgid(i - 1) end
  while seen < args.count do b:kprobe_poll(100) end

  for pid, count in b:get_table("counts"):items() do
    print("%s %s %d" % {tostring(pid == ffi.C.getpid()), type(count), tonumber(count)})
  end
end
