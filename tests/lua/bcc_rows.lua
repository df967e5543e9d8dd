--- What BCC C has, row by row. Each has a snippet in the spec of its part that compiles
--- it, loads it and sees what it does; a row without one fails that spec.
local harness = require "harness"

local M = {}

M.programs = {
  "kprobe__FN: a kprobe, by its name",
  "kretprobe__FN: the return, by its name",
  "arguments after the context come from registers",
  "an argument that no register holds is refused",
  "syscall__X and kprobe__sys_X: arguments of the call itself",
  "TRACEPOINT_PROBE: attached by its name",
  "struct tracepoint__CATEGORY__EVENT in any function",
  "the fields of every tracepoint lie where tracefs says",
  "TP_DATA_LOC_READ, _CONST, _STR",
  "RAW_TRACEPOINT_PROBE",
  "KFUNC_PROBE", "KRETFUNC_PROBE",
  "MODULE_KFUNC_PROBE", "MODULE_KRETFUNC_PROBE",
  "KMOD_RET", "LSM_PROBE", "BPF_ITER", "BPF_PROG",
  "a plain function: its type is chosen when it is attached",
  "the macros of registers",
  "a function that calls another, static or not",
  "a program that returns nothing",
  "BPF_LICENSE",
  "kernel headers are accepted",
}

M.maps = {
  "BPF_TABLE of every type", "BPF_F_TABLE", "BPF_TABLE_PINNED",
    "BPF_TABLE_PUBLIC and extern",
  "BPF_TABLE_SHARED and extern", "BPF_HASH", "BPF_PERCPU_HASH", "BPF_LPM_TRIE",
    "BPF_ARRAY",
  "BPF_PERCPU_ARRAY", "BPF_HISTOGRAM", "BPF_STACK_TRACE", "BPF_STACK_TRACE_BUILDID",
  "BPF_PERF_OUTPUT", "BPF_RINGBUF_OUTPUT", "BPF_PERF_ARRAY", "BPF_CGROUP_ARRAY",
  "BPF_PROG_ARRAY", "BPF_QUEUE", "BPF_STACK", "BPF_QUEUESTACK and its kin",
  "BPF_ARRAY_OF_MAPS", "BPF_HASH_OF_MAPS", "BPF_DEVMAP", "BPF_CPUMAP", "BPF_XSKMAP",
  "BPF_SOCKMAP", "BPF_SOCKHASH", "BPF_SK_STORAGE", "BPF_INODE_STORAGE",
    "BPF_TASK_STORAGE",
  "BPF_CGROUP_STORAGE", "BPF_PERCPU_CGROUP_STORAGE",
  "a type that does not exist is refused",
}

M.methods = {
  "lookup", "lookup_or_try_init", "lookup_or_init", "update", "insert", "delete",
  "increment", "atomic_increment", "increment of per-CPU and LRU maps",
  "perf_submit", "perf_submit_skb", "ringbuf_output",
    "ringbuf_reserve and ringbuf_submit",
  "ringbuf_discard", "ringbuf_query", "get_stackid", "call", "perf_read",
  "perf_counter_value", "check_current_task", "redirect_map", "push, pop and peek",
  "sock_map_update", "sock_hash_update", "msg_redirect_hash", "sk_redirect_hash",
  "sk_storage_get and sk_storage_delete", "inode_storage_get and inode_storage_delete",
  "task_storage_get and task_storage_delete", "get_local_storage",
  "a method through a pointer, and in a macro",
  "the type of a record needs no second declaration",
}

--- The recorder of one part: `row(name, fn)` is a test of that row; `row.complete()`,
--- last, the test that none is left out.
---@param part "programs"|"maps"|"methods"
function M.of(part)
  local left = {}
  for _, name in ipairs(M[part]) do left[name] = true end
  local recorder = {}
  function recorder.complete()
    harness.it("has a snippet for every row", function()
      local missing = {}
      for name in pairs(left) do missing[#missing + 1] = name end
      table.sort(missing)
      harness.expect.equal(missing, {})
    end)
  end
  return setmetatable(recorder, { __call = function(_, name, fn)
    if not left[name] then
      error("no such row, or a second snippet of it: " .. name, 2)
    end
    left[name] = nil
    harness.it(name, fn)
  end })
end

return M
