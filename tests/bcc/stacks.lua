-- In the style of BCC's own scripts: a hash that is iterated, with stack traces.
local program = [[
#include <uapi/linux/ptrace.h>

struct key_t {
  char name[TASK_COMM_LEN];
  int user_stack;
};
BPF_HASH(counts, struct key_t);
BPF_HISTOGRAM(targets);
BPF_STACK_TRACE(stack_traces, 1024);

int on_getpgid(struct pt_regs *ctx, int target) {
  struct key_t key = {};
  u64 zero = 0, *val;

  if ((bpf_get_current_pid_tgid() >> 32) != PID) return 0;
  bpf_get_current_comm(&key.name, sizeof(key.name));
  key.user_stack = stack_traces.get_stackid(ctx, BPF_F_USER_STACK);
  val = counts.lookup_or_init(&key, &zero);
  (*val) += target;
  targets.increment(target);
  return 0;
}
]]

return function(BPF, utils)
  local ffi = require("ffi")
  ffi.cdef "int getpgid(int pid); int getpid(void);"
  local pid = ffi.C.getpid()
  local b = BPF:new{text=program:gsub("PID", tostring(pid)), debug=0}
  b:attach_uprobe{name="c", sym="getpgid", fn_name="on_getpgid", pid=pid}
  for _, target in ipairs{ 3, 3, 5 } do ffi.C.getpgid(target) end

  -- A script shows what it has when Ctrl-C ends the wait.
  local started = utils.posix.time_ns()
  local slept = pcall(utils.posix.sleep, 0.25)
  print("slept %s %s" % {tostring(slept),
    tostring(utils.posix.time_ns() - started >= 0.25e9)})

  local syms = BPF.SymbolCache(pid)
  syms:refresh()
  local counts = b:get_table("counts")
  local traces = b:get_table("stack_traces")
  print("entries %d" % counts:size())
  for k, v in counts:items() do
    print("%s %d" % {ffi.string(k.name), tonumber(v)})
    local depth = 0
    for addr in traces:walk(tonumber(k.user_stack)) do
      depth = depth + 1
      if depth == 1 then print("  %-16p %s" % {addr, (syms:resolve(addr))}) end
    end
    print("  frames %s" % tostring(depth == #traces:get(k.user_stack)))
    local text = counts:key_sprintf(k)
    print("  %s" % text)
    local again = counts:key_scanf(text)
    print("  %s %d" % {ffi.string(again.name), tonumber(counts:get(again))})
    counts:set(again, 42)
    local leaf = counts:leaf_sprintf(counts:get(again))
    print("  %s %s" % {leaf, tostring(counts:delete(again))})
    print("  %s" % tostring(counts:get(again)))
  end
  for place, count in b:get_table("targets"):items(true) do
    if count > 0 then print("target %d: %d" % {place - 1, tonumber(count)}) end
  end
end
