--- Hooks that the kernel's trampolines call: fentry, fexit, fmod_ret, freplace.
local ffi = require "ffi"
local harness = require "harness"
local kernel = require "kernel"
local kernel_function = require "kernel_function"
local bpf = require "bpf"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect
local with = kernel_function.with
local needs_module = kernel_function.needs_module

describe("fentry and fexit", function()
  it("of a module's function, with its arguments", function()
    needs_module "veth"
    for _, spec in ipairs { "fentry:veth:veth_dellink", "fentry:veth_dellink" } do
      with([[
        u64 calls, index;
        SEC("fentry") int BPF_PROG(on_call, struct net_device *dev)
        {
          calls++;
          index = dev->ifindex;
          return 0;
        }
      ]], function(obj)
        kernel.attach(obj.programs.on_call, spec)
        local result = support.sh [[
          ip link add ebl_m0 type veth peer name ebl_m1
          cat /sys/class/net/ebl_m0/ifindex
          ip link del ebl_m0
        ]]
        expect.equal(obj.variables.calls, 1)
        expect.equal(obj.variables.index, tonumber(result.out))
      end)
    end
  end)

  for _, section in ipairs { "fentry.s", "fexit.s", "fmod_ret.s" } do
    it("may sleep, for memory that is not there: " .. section, function()
      local text = ffi.new("char[9]", "far away")
      local obj = bpf.load {
        constants = { address = ffi.cast("uint64_t", ffi.cast("uintptr_t", text)) },
        source = ([[
          const volatile u64 address = 0;
          u64 copied;
          SEC("%s/bpf_fentry_test1") int on_call(void *ctx)
          {
            u64 value = 0;

            if (bpf_copy_from_user(&value, 8, (void *)address) == 0)
              copied = value;
            return 0;
          }
          SEC("fentry/bpf_fentry_test1") int trigger(void *ctx) { return 0; }
        ]]):format(section),
      }
      local ok, err = pcall(function()
        local program = obj.programs.on_call
        local loaded, why = pcall(program.load, program) -- both of them
        local refusal = not loaded and (why.message .. "\n" .. (why.detail or ""))
          :match "bpf_fentry_test1[%(%)]* is not %a+"
        if refusal then harness.skip(refusal) end
        if not loaded then kernel.try(error, why, 0) end
        local link = kernel.attach(program)
        -- To run such a program, the kernel calls the functions that are there for it.
        obj.programs.trigger:test_run()
        local copied = ffi.new("uint64_t[1]", obj.variables.copied)
        expect.equal(ffi.string(copied, 8), "far away")
        link:close()
      end)
      obj:close()
      if not ok then error(err, 0) end
    end)
  end
end)

describe("fmod_ret", function()
  local TEXT = [[
    u64 calls;
    SEC("%s") int on_call(u64 *ctx)
    {
      if (!OURS())
        return 0;
      calls++;
      return -42;
    }
  ]]
  it("decides what a function returns, until it is closed", function()
    with(TEXT:format "fmod_ret", function(obj)
      local function call() return ffi.C.getpgid(support.pid) end
      local own = call()
      local link = kernel.attach(obj.programs.on_call, "fmod_ret:security_task_getpgid")
      expect.equal({ call(), ffi.errno() }, { -1, 42 })
      expect.equal(obj.variables.calls, 1)
      link:close()
      expect.equal(call(), own)
    end)
  end)

  it("is refused on functions that are not made for it", function()
    with(TEXT:format "fmod_ret", function(obj)
      local ok, err = pcall(kernel.attach, obj.programs.on_call, "fmod_ret:vfs_read")
      expect.equal(ok, false)
      if err.code ~= "verifier" then error(err, 0) end
      expect.truthy(err.detail:find("vfs_read() is not modifiable", 1, true), err.detail)
    end)
  end)
end)

describe("freplace", function()
  local WHOLE = [[
    int __weak decide(struct __sk_buff *skb) { return skb->len > 0; }
    SEC("socket") int whole(struct __sk_buff *skb) { return decide(skb) + 100; }
  ]]

  local function result_of(obj)
    return obj.programs.whole:test_run({ data = ("x"):rep(64) }).retval
  end

  it("takes the place of another program's function, until it is closed", function()
    with(WHOLE, function(whole)
      expect.equal(result_of(whole), 101)
      with([[
        SEC("freplace/decide") int other(struct __sk_buff *skb)
        {
          return skb->len ? 7 : 0;
        }
      ]], function(other)
        local link = kernel.try(other.programs.other.attach, other.programs.other, nil,
                                { target = whole.programs.whole })
        expect.equal(link.spec, ("freplace:%d:decide"):format(whole.programs.whole:id()))
        expect.equal(result_of(whole), 107)
        link:close()
        expect.equal(result_of(whole), 101)
        link = other.programs.other:attach("freplace:whole:decide")
        expect.equal(result_of(whole), 107)
        link:close()
      end)
    end)
  end)

  it("names what is not there", function()
    with(WHOLE, function(whole)
      whole.programs.whole:load()
      with([[
        SEC("freplace/decide") int other(struct __sk_buff *skb)
        {
          return skb->len ? 7 : 0;
        }
      ]], function(other)
        local program = other.programs.other
        local ok, err = pcall(program.attach, program, "freplace:no_such:decide")
        expect.equal(ok, false)
        expect.equal(err.message, "freplace:no_such:decide: no program no_such is loaded")
        ok, err = pcall(program.attach, program, "freplace:undecided",
                        { target = whole.programs.whole })
        expect.equal(ok, false)
        expect.truthy(err.message:find("the program has no global function undecided", 1,
                                       true), err.message)
      end)
    end)
  end)
end)
