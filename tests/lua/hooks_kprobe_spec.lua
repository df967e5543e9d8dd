--- kprobes and kretprobes on one function: places in it, modules, room, runs that were
--- missed.
local harness = require "harness"
local kernel = require "kernel"
local kernel_function = require "kernel_function"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect
local with, getpgid = kernel_function.with, kernel_function.getpgid
local needs_module = kernel_function.needs_module

describe("kprobe", function()
  local COUNT = [[
    u64 calls;
    SEC("kprobe") int on_call(void *ctx) { if (OURS()) calls++; return 0; }
  ]]

  it("at an offset: where an instruction begins, and nowhere else", function()
    with(COUNT, function(obj)
      local program, taken, refused = obj.programs.on_call, 0, 0
      for offset = 1, 12 do
        local ok, link = pcall(program.attach, program, "kprobe:getpgid+" .. offset)
        if ok then
          taken = taken + 1
          obj.variables.calls = 0
          getpgid(3)
          expect.equal(obj.variables.calls, 3)
          link:close()
        else
          if link.hint ~= "the offset must be the start of an instruction" then
            kernel.try(error, link, 0)
          end
          refused = refused + 1
        end
      end
      expect.truthy(taken >= 1 and refused >= 1, taken .. ", " .. refused)
    end)
  end)

  it("of a module's function", function()
    needs_module "veth"
    with(COUNT:gsub("if %(OURS%(%)%) ", ""), function(obj)
      local link = kernel.attach(obj.programs.on_call, "kprobe:veth:veth_setup")
      support.sh "ip link add ebl_m0 type veth peer name ebl_m1; ip link del ebl_m0"
      expect.truthy(obj.variables.calls >= 2, obj.variables.calls)
      link:close()
      local ok, err = pcall(obj.programs.on_call.attach, obj.programs.on_call,
                            "kprobe:veth:vfs_read")
      expect.equal(ok, false)
      expect.equal(err.message, "kprobe:veth:vfs_read: no module veth with a function "
                                .. "vfs_read is loaded")
      expect.equal(err.hint, "it is in the kernel itself: kprobe:vfs_read")
    end)
  end)
end)

-- Sleeps in the kernel, several at a time, so that all of them are inside the function.
local function sleepers(count)
  return support.sh(("for i in $(seq %d); do sleep 1 & done; wait"):format(count))
end

--- Skips where the kernel does not tell how often a link's probe was missed.
local function needs_misses(link)
  local ok, info = pcall(link.info, link)
  if not ok then harness.skip(tostring(info)) end
  if not info.missed then harness.skip(link.spec .. ": the kernel tells no misses") end
end

describe("missed runs", function()
  local RETURNS = [[
    u64 returns;
    SEC("%s") int on_return(struct pt_regs *ctx)
    {
      char comm[16];

      bpf_get_current_comm(comm, sizeof(comm));
      if (comm[0] == 's' && comm[1] == 'l' && comm[2] == 'e' && comm[3] == 'e')
        __sync_fetch_and_add(&returns, 1);
      return 0;
    }
  ]]

  it("of a kretprobe with maxactive=2, where more calls run at a time", function()
    with(RETURNS:format("kretprobe"), function(obj)
      local link = kernel.attach(obj.programs.on_return, "kretprobe:hrtimer_nanosleep",
                                 { maxactive = 2, cookie = nil })
      sleepers(6)
      local returns, missed = obj.variables.returns, link:missed()
      expect.truthy(returns >= 1 and returns <= 5, returns)
      needs_misses(link)
      local counted = returns .. " returns, missed " .. missed
      expect.truthy(missed >= 6 - returns and missed <= 8 - returns, counted)
    end)
  end)

  for _, section in ipairs { "kprobe", "kprobe.multi" } do
    it("of a probe that is hit inside another: " .. section, function()
      with(([[
        u64 outer, inner;
        SEC("kprobe") int on_call(struct pt_regs *ctx)
        {
          if (OURS()) {
            outer++;
            inner += bpf_get_current_uid_gid() != 0;
          }
          return 0;
        }
        SEC("%s") int on_helper(struct pt_regs *ctx) { return 0; }
      ]]):format(section), function(obj)
        kernel.attach(obj.programs.on_call, "ksyscall:getpgid")
        local link = kernel.attach(obj.programs.on_helper,
                                   "kprobe:bpf_get_current_uid_gid")
        local before = link:missed()
        getpgid(25)
        expect.equal(obj.variables.outer, 25)
        local missed = link:missed()
        needs_misses(link)
        expect.equal(missed - before, 25)
      end)
    end)
  end

  it("of kretprobe.multi, where more calls run than there is room", function()
    with(RETURNS:format("kretprobe.multi"), function(obj)
      local link = kernel.attach(obj.programs.on_return, "kretprobe:hrtimer_nanosleep")
      sleepers(30)
      local returns, missed = obj.variables.returns, link:missed()
      needs_misses(link)
      expect.truthy(returns + missed >= 30, returns .. " returns, missed " .. missed)
    end)
  end)
end)

describe("kretprobe", function()
  it("with maxactive is gone from tracefs once it is closed", function()
    with([[
      u64 calls;
      SEC("kretprobe") int on_return(void *ctx) { if (OURS()) calls++; return 0; }
    ]], function(obj)
      local program = obj.programs.on_return
      local link = kernel.attach(program, "kretprobe:getpgid", { maxactive = 16 })
      local events = "/sys/kernel/tracing/kprobe_events"
      local line = support.sh("grep -c '^r16:ebpf_lua/' " .. events).out
      expect.equal(line, "1\n")
      getpgid(8)
      expect.equal(obj.variables.calls, 8)
      link:close()
      expect.equal(support.sh("grep -c ebpf_lua/ " .. events).out, "0\n")
      for _, spec in ipairs { "kretprobe:vfs_*", "kretprobe:getpgid" } do
        local ok, err = pcall(program.attach, program, spec, { maxactive = 5000 })
        expect.equal(ok, false)
        expect.equal(err.code, "invalid")
      end
    end)
  end)
end)
