--- Bit-fields of kernel types, read on the running kernel.
local bpf = require "bpf"
local harness = require "harness"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

describe("a bit-field of a kernel type", function()
  -- net_device has a bool before these: clang's storage for them begins within the unit
  -- that a relocation names.
  it("is read where it is, in a unit that begins before clang's storage", function()
    local obj = bpf.load { source = [[
      #if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
      #define FIELD netns_immutable
      #elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
      #define FIELD netns_local
      #else
      #define FIELD wol_enabled
      #endif
      u32 seen, loopback, by_macro, in_execve, version = LINUX_VERSION_CODE;
      SEC("tp_btf/sched_process_exec")
      int BPF_PROG(on_exec, struct task_struct *task)
      {
        struct net_device *device = task->nsproxy->net_ns->loopback_dev;
        loopback = device->FIELD;
        by_macro = BPF_CORE_READ_BITFIELD_PROBED(device, FIELD);
        in_execve = task->in_execve;
        seen++;
        return 0;
      }]] }
    obj:attach()
    support.sh "true"
    expect.truthy(obj.variables.seen > 0)
    expect.equal(obj.variables.in_execve, 1)
    expect.equal(obj.variables.loopback, obj.variables.by_macro)
    -- The loopback device cannot leave its namespace.
    local has_flag = obj.variables.version >= 6 * 65536 + 12 * 256
    expect.equal(obj.variables.loopback, has_flag and 1 or 0)
    obj:close()
  end)
end)
