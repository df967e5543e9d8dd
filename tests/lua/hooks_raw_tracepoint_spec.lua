--- Raw tracepoints whose programs write to what the event hands them.
local bpf = require "bpf"
local harness = require "harness"
local kernel = require "kernel"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

local SOURCE = [[
  SEC("raw_tracepoint.w") int write(struct bpf_raw_tracepoint_args *ctx)
  {
    *(u32 *)ctx->args[0] = 1;
    return 0;
  }
]]

describe("raw_tracepoint.w", function()
  it("is refused by an event that lets nobody write", function()
    local obj = bpf.load { source = SOURCE }
    local write = obj.programs.write
    kernel.try(write.load, write)
    local ok, err = pcall(write.attach, write, "raw_tracepoint:sched_switch")
    expect.equal(ok, false)
    if err.code == "not_permitted" then harness.skip(tostring(err)) end
    expect.equal(err.message, "raw_tracepoint:sched_switch lets no program write as much "
                              .. "as write does: EINVAL (Invalid argument)")
    obj:close()
  end)

  it("changes what the kernel goes on with", function()
    local obj = bpf.load {
      constants = { own = support.pid },
      source = [[
        const volatile u32 own = 0;
        SEC("raw_tracepoint.w/bpf_test_finish")
        int write(struct bpf_raw_tracepoint_args *ctx)
        {
          if (bpf_get_current_pid_tgid() >> 32 == own)
            *(int *)ctx->args[0] = -28;
          return 0;
        }
        SEC("socket") int trial(void *ctx) { return 7; }
      ]],
    }
    local trial, data = obj.programs.trial, { data = ("x"):rep(64) }
    local link = kernel.attach(obj.programs.write)
    local ok, err = pcall(trial.test_run, trial, data)
    expect.equal(ok, false)
    expect.truthy(err.message:find("ENOSPC", 1, true), err.message)
    link:close()
    expect.equal(trial:test_run(data).retval, 7)
    obj:close()
  end)

  it("sits on an event that lets it write", function()
    support.sh "modprobe nbd"
    local obj = bpf.load { source = SOURCE }
    local write = obj.programs.write
    local ok, link = pcall(kernel.attach, write, "raw_tracepoint:nbd_send_request")
    if not ok and type(link) == "table" and link.code == "not_found" then
      harness.skip(tostring(link)) -- no module nbd here
    end
    if not ok then error(link, 0) end
    expect.equal(link:info().program_id, write:id())
    link:close()
    obj:close()
  end)
end)
