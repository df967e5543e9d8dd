--- Bit-fields of kernel types, read on the running kernel.
local bpf = require "bpf"
local harness = require "harness"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

describe("a bit-field of a kernel type", function()
  -- net_device has a bool before these: clang's storage for them begins within the unit
  -- that a relocation names.
  it("is read where it is, in a unit that begins before clang's storage", function()
    local is_field = {}
    for _, field in ipairs(bpf.btf.type("net_device").fields) do
      is_field[field.name] = true
    end
    -- That a device cannot leave its namespace: two names, and before 6.12 no bit-field.
    local name = is_field.netns_immutable and "netns_immutable"
      or is_field.netns_local and "netns_local"
    local obj = bpf.load { cflags = { "-DFIELD=" .. (name or "wol_enabled") }, source = [[
      u32 seen, loopback, by_macro, in_execve;
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
    expect.equal(obj.variables.loopback, name and 1 or 0) -- it cannot leave
    obj:close()
  end)
end)
