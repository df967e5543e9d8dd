--- Hooks on any number of the kernel's functions: kprobe and kretprobe by pattern,
--- kprobe.session, ksyscall.
local ffi = require "ffi"
local harness = require "harness"
local kernel = require "kernel"
local kernel_function = require "kernel_function"
local bpf = require "bpf"
local host = require "bpf.host"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect
local with, getpgid = kernel_function.with, kernel_function.getpgid
local load, read_a_file = kernel_function.load, kernel_function.read_a_file

describe("kprobe by pattern", function()
  local COUNT = [[
    u64 calls;
    SEC("%s") int count_calls(void *ctx)
    {
      if (OURS())
        __sync_fetch_and_add(&calls, 1);
      return 0;
    }
  ]]

  local function sits_on(section, pattern, least)
    with(COUNT:format(section), function(obj)
      local kind = section:gsub("%.multi", "")
      local link = kernel.attach(obj.programs.count_calls, kind .. ":" .. pattern)
      local info = link:info()
      expect.truthy(info.functions >= least, info.functions)
      expect.truthy(info.left_out < info.functions / 2, info.left_out)
      read_a_file(10)
      expect.truthy(obj.variables.calls >= 20, obj.variables.calls)
      link:close()
      local calls = obj.variables.calls
      read_a_file(10)
      expect.equal(obj.variables.calls, calls)
    end)
  end

  for _, section in ipairs { "kprobe", "kretprobe" } do
    it("sits on hundreds of functions by one link: " .. section, function()
      sits_on(section, "tcp_*,vfs_*", 200)
    end)
  end

  it('is the same with SEC("kprobe.multi")', function()
    sits_on("kprobe.multi", "vfs_*", 20)
  end)

  it("attaches by the section alone", function()
    with(COUNT:format "kprobe/vfs_*", function(obj)
      kernel.try(obj.attach, obj)
      read_a_file(5)
      expect.truthy(obj.variables.calls >= 10, obj.variables.calls)
    end)
  end)

  it("leaves out what the kernel refuses, and says how many", function()
    with(COUNT:format "kprobe", function(obj)
      -- Functions that no kernel lets anybody probe.
      local spec = "kprobe:vfs_read,do_int3,exc_int3,int3_*,*kprobe_handler*"
      local link = kernel.attach(obj.programs.count_calls, spec)
      local info = link:info()
      expect.truthy(info.left_out >= 1, info.left_out)
      expect.truthy(info.functions >= 1, info.functions)
      read_a_file(5)
      expect.truthy(obj.variables.calls >= 5, obj.variables.calls)
    end)
  end)

  it("says that nothing matches", function()
    with(COUNT:format "kprobe", function(obj)
      local program = obj.programs.count_calls
      local ok, err = pcall(program.attach, program, "kprobe:no_such_f*")
      expect.equal(ok, false)
      if err.code ~= "not_found" then kernel.try(error, err, 0) end
      expect.equal(err.message, "kprobe:no_such_f*: the kernel has no such functions")
    end)
  end)
end)

local SEEN = [[
  struct seen { u64 calls, cookie, result; };
  HASH(functions, u64, struct seen, 8192);
  static __always_inline int note(void *ctx, u64 result)
  {
    u64 function = bpf_get_func_ip(ctx);
    struct seen first = { 1, bpf_get_attach_cookie(ctx), result }, *seen;

    seen = bpf_map_lookup_elem(&functions, &function);
    if (seen)
      __sync_fetch_and_add(&seen->calls, 1);
    else
      bpf_map_update_elem(&functions, &function, &first, BPF_ANY);
    return 0;
  }
]]

--- What was noted, by the function's name.
local function seen_by_name(obj)
  local by_name = {}
  for address, seen in obj.maps.functions:pairs() do
    by_name[bpf.ksym(address, true) or address] = seen:table()
  end
  return by_name
end

--- Skips where the kernel has no helper that tells the function or the cookie.
local function needs_helpers()
  local obj = load [[
    SEC("kprobe/vfs_read") int smallest(struct pt_regs *ctx)
    {
      return bpf_get_func_ip(ctx) + bpf_get_attach_cookie(ctx) == 0;
    }
  ]]
  local ok, err = pcall(obj.programs.smallest.load, obj.programs.smallest)
  obj:close()
  if not ok then kernel.try(error, err, 0) end
end

describe("kprobe by pattern", function()
  it("tells each function and its own cookie", function()
    needs_helpers()
    with(SEEN .. [[
      SEC("kprobe") int enter(struct pt_regs *ctx) { return OURS() ? note(ctx, 0) : 0; }
    ]], function(obj)
      kernel.attach(obj.programs.enter, "kprobe:vfs_*",
                    { cookie = { vfs_read = 11, vfs_open = 12 } })
      read_a_file(7)
      local seen = seen_by_name(obj)
      expect.equal({ seen.vfs_read.calls, seen.vfs_read.cookie }, { 7, 11 })
      expect.equal({ seen.vfs_open.calls, seen.vfs_open.cookie }, { 7, 12 })
    end)
  end)

  it("tells what each function returns: kretprobe", function()
    needs_helpers()
    with(SEEN .. [[
      SEC("kretprobe") int leave(struct pt_regs *ctx)
      {
        return OURS() ? note(ctx, PT_REGS_RC(ctx)) : 0;
      }
    ]], function(obj)
      kernel.attach(obj.programs.leave, "kretprobe:vfs_*", { cookie = 5 })
      read_a_file(7)
      local seen = seen_by_name(obj)
      expect.equal(seen.vfs_read, { calls = 7, cookie = 5, result = 100 })
      expect.equal(seen.vfs_open, { calls = 7, cookie = 5, result = 0 })
    end)
  end)

  it("is one link of a quick probe, counted by function", function()
    local result = support.run(("-c %s -e %s"):format(
      support.quote "dd if=/dev/zero of=/dev/null count=1 status=none",
      support.quote 'count("kprobe:vfs_*")'))
    if result.code == 4 then harness.skip(result.err) end
    expect.truthy(result.code == 0, result.err)
    expect.truthy(result.out:find "%d+ vfs_read\n", result.out)
    expect.truthy(result.out:find "%d+ vfs_write\n", result.out)
  end)
end)

--- Whether bpf_session_cookie() and its like take the context, as they do on 7.2.
local function session_takes_context()
  local prototype = host.prototype("function", "bpf_session_cookie")
  return prototype and #prototype > 0
end

describe("kprobe.session", function()
  it("is one program at the entry and the return", function()
    with(([[
      u64 entries, returns, result, cookie_kept;
      extern bool bpf_session_is_return(PARAMETER) __ksym __weak;
      extern u64 *bpf_session_cookie(PARAMETER) __ksym __weak;
      SEC("kprobe.session/vfs_read") int both(struct pt_regs *ctx)
      {
        u64 *cookie;

        if (!OURS() || !bpf_session_is_return || !bpf_session_cookie)
          return 1;
        cookie = bpf_session_cookie(ARGUMENT);
        if (!bpf_session_is_return(ARGUMENT)) {
          entries++;
          *cookie = 1000 + entries;
          return entries % 2;    // no return for every second
        }
        returns++;
        result = PT_REGS_RC(ctx);
        cookie_kept = *cookie;
        return 0;
      }
    ]]):gsub("PARAMETER", session_takes_context() and "void *ctx" or "void")
       :gsub("ARGUMENT", session_takes_context() and "ctx" or ""), function(obj)
      local link = kernel.attach(obj.programs.both)
      expect.equal(link:info().functions, 1)
      read_a_file(10)
      expect.equal({ obj.variables.entries, obj.variables.returns }, { 10, 5 })
      expect.equal({ obj.variables.result, obj.variables.cookie_kept }, { 100, 1010 })
    end)
  end)

  it("takes patterns, and a cookie by function", function()
    with(SEEN .. [[
      SEC("kprobe.session") int both(struct pt_regs *ctx)
      {
        return OURS() ? note(ctx, 0) : 1;
      }
    ]], function(obj)
      local link = kernel.attach(obj.programs.both, "kprobe.session:vfs_*",
                                 { cookie = { vfs_read = 3 } })
      expect.truthy(link:info().functions >= 30, link:info().functions)
      read_a_file(10)
      local seen = seen_by_name(obj)
      expect.equal({ seen.vfs_read.calls, seen.vfs_read.cookie }, { 20, 3 })
    end)
  end)
end)

describe("ksyscall", function()
  it("finds the function of a call, and its arguments", function()
    with([[
      u64 calls, pid;
      SEC("ksyscall/getpgid") int BPF_KSYSCALL(on_call, int wanted)
      {
        if (!OURS())
          return 0;
        calls++;
        pid = wanted;
        return 0;
      }
    ]], function(obj)
      kernel.attach(obj.programs.on_call)
      for _ = 1, 9 do ffi.C.getpgid(support.pid) end
      expect.equal({ obj.variables.calls, obj.variables.pid }, { 9, support.pid })
    end)
  end)

  it("sees what a call returns: kretsyscall", function()
    with([[
      u64 calls;
      s64 result;
      SEC("kretsyscall/getpgid") int BPF_KRETPROBE(on_return, long ret)
      {
        if (!OURS())
          return 0;
        calls++;
        result = ret;
        return 0;
      }
    ]], function(obj)
      kernel.attach(obj.programs.on_return)
      getpgid(3)
      expect.equal({ obj.variables.calls, obj.variables.result }, { 3, getpgid(1) })
      ffi.C.getpgid(0x7fffffff)
      expect.equal(obj.variables.result, -3) -- ESRCH
    end)
  end)

  it("knows calls by the name of the call alone, and by patterns", function()
    with([[
      u64 calls;
      SEC("kprobe") int on_call(void *ctx) { if (OURS()) calls++; return 0; }
    ]], function(obj)
      local program = obj.programs.on_call
      for _, spec in ipairs { "kprobe:getpgid", "kprobe:sys_getpgid",
                              "ksyscall:getpgid" } do
        obj.variables.calls = 0
        local link = kernel.attach(program, spec)
        getpgid(4)
        expect.equal({ spec, obj.variables.calls }, { spec, 4 })
        link:close()
      end
      local link = kernel.attach(program, "ksyscall:getpg*,uname")
      expect.truthy(link:info().functions >= 3, link:info().functions)
      obj.variables.calls = 0
      getpgid(4)
      expect.equal(obj.variables.calls, 4)
      local ok, err = pcall(program.attach, program, "ksyscall:getpigd")
      expect.equal(ok, false)
      expect.equal(err.message,
                   "ksyscall:getpigd: this kernel has no system call getpigd")
      expect.truthy(err.hint:find("'getpgid'", 1, true), err.hint)
    end)
  end)
end)
