--- Hooks on functions of the kernel, one and hundreds: kprobe, kretprobe, kprobe.session,
--- ksyscall, fentry, fexit, fmod_ret, freplace.
local ffi = require "ffi"
local bpf = require "bpf"
local harness = require "harness"
local kernel = require "kernel"
local kernel_state = require "kernel_state"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

ffi.cdef [[
int getpgid(int pid);
int getppid(void);
long ebl_test_write(int fd, const void *data, size_t size) __asm__("write");
]]

-- What every program begins with: only this process counts.
local PRELUDE = [[
  const volatile u32 target = 0;
  #define OURS() (bpf_get_current_pid_tgid() >> 32 == target)
]]

local function load(text)
  return bpf.load { source = PRELUDE .. text, constants = { target = support.pid } }
end

--- Loads, calls `fn` with the object, and closes it, whatever happens.
local function with(text, fn)
  local obj = load(text)
  local ok, err = pcall(fn, obj)
  obj:close()
  if not ok then error(err, 0) end
end

--- vfs_open and vfs_read of 100 bytes, `times` times.
local function read_a_file(times)
  for _ = 1, times do
    local file = assert(io.open "/dev/zero")
    file:setvbuf "no"
    assert(#file:read(100) == 100)
    file:close()
  end
end

local function getpgid(times)
  local result
  for _ = 1, times do result = ffi.C.getpgid(0) end
  return result
end

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

  for _, section in ipairs { "kprobe", "kprobe.multi", "kretprobe" } do
    it("sits on hundreds of functions by one link: " .. section, function()
      with(COUNT:format(section), function(obj)
        local kind = section:gsub("%.multi", "")
        local link = kernel.attach(obj.programs.count_calls, kind .. ":tcp_*,vfs_*")
        local info = link:info()
        expect.truthy(info.functions >= 200, info.functions)
        expect.truthy(info.left_out < info.functions / 2, info.left_out)
        read_a_file(10)
        expect.truthy(obj.variables.calls >= 20, obj.variables.calls)
        link:close()
        local calls = obj.variables.calls
        read_a_file(10)
        expect.equal(obj.variables.calls, calls)
      end)
    end)
  end

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
  if ok then return end
  local reason = tostring(err.detail or ""):match "[^\n]*unknown func[^\n]*"
    or tostring(err.detail or ""):match "[^\n]*invalid func[^\n]*"
  if reason then harness.skip("load: " .. reason) end
  kernel.try(error, err, 0)
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
    local result = support.sh(("%s -d %d -e %s & p=$!; %s; wait $p"):format(
      support.quote(support.program), 4 * support.patience,
      support.quote 'count("kprobe:vfs_*")',
      "while kill -0 $p; do head -c 100 /dev/zero; sleep 0.1; done >/dev/null 2>&1"))
    if result.code == 4 then harness.skip(result.err) end
    expect.truthy(result.code == 0, result.err)
    expect.truthy(result.out:find "%d+ vfs_read\n", result.out)
    expect.truthy(result.out:find "%d+ vfs_write\n", result.out)
  end)
end)

describe("kprobe.session", function()
  it("is one program at the entry and the return", function()
    with([[
      u64 entries, returns, result, cookie_kept;
      extern bool bpf_session_is_return(void) __ksym __weak;
      extern u64 *bpf_session_cookie(void) __ksym __weak;
      SEC("kprobe.session/vfs_read") int both(struct pt_regs *ctx)
      {
        u64 *cookie;

        if (!OURS() || !bpf_session_is_return || !bpf_session_cookie)
          return 1;
        cookie = bpf_session_cookie();
        if (!bpf_session_is_return()) {
          entries++;
          *cookie = 1000 + entries;
          return entries % 2;    // no return for every second
        }
        returns++;
        result = PT_REGS_RC(ctx);
        cookie_kept = *cookie;
        return 0;
      }
    ]], function(obj)
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

--- Loads a module; skips where the kernel has it built in, or not at all.
local function needs_module(name)
  local result = support.sh(("modprobe %s; grep -q '\\[%s\\]' /proc/kallsyms")
                            :format(name, name))
  if result.code == 0 then return end
  harness.skip(("%s is no module here: %s"):format(name, result.err))
end

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
  it("of a kretprobe with maxactive=2, where more calls run at a time", function()
    with([[
      u64 returns;
      SEC("kretprobe") int on_return(struct pt_regs *ctx)
      {
        char comm[16];

        bpf_get_current_comm(comm, sizeof(comm));
        if (comm[0] == 's' && comm[1] == 'l' && comm[2] == 'e' && comm[3] == 'e')
          __sync_fetch_and_add(&returns, 1);
        return 0;
      }
    ]], function(obj)
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
    with([[
      u64 returns;
      SEC("kretprobe.multi") int on_return(struct pt_regs *ctx)
      {
        char comm[16];

        bpf_get_current_comm(comm, sizeof(comm));
        if (comm[0] == 's' && comm[1] == 'l' && comm[2] == 'e' && comm[3] == 'e')
          __sync_fetch_and_add(&returns, 1);
        return 0;
      }
    ]], function(obj)
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

-- Names of functions, as this kernel's tables have them.
local function first_line(command)
  local name = support.sh(command).out:match "^(%S+)"
  return name
end

describe("the name of a kernel function", function()
  --- The error of attaching to `spec`.
  local function refused(spec)
    local message, hint, code
    with('SEC("kprobe") int on_call(void *ctx) { return 0; }', function(obj)
      local program = obj.programs.on_call
      local ok, err = pcall(program.attach, program, spec)
      expect.equal({ spec, ok }, { spec, false })
      if err.message:find "CONFIG_KPROBES" then kernel.try(error, err, 0) end
      message, hint, code = err.message, err.hint, err.code
    end)
    return message, hint, code
  end

  it("without the compiler's suffix finds the variant", function()
    local name = first_line [[
      LC_ALL=C awk '$2 ~ /[tT]/ && $4 == "" { print $3 }' /proc/kallsyms | sort -u >$$.all
      trap 'rm -f $$.all' EXIT
      grep -E '^[a-z_]+\.isra\.0$' $$.all | sed 's/\.isra\.0$//' | while read -r name; do
        grep -qx "$name" $$.all ||
          grep -x "$name.isra.0" /sys/kernel/tracing/available_filter_functions
      done | sed 's/\.isra\.0$//'
    ]]
    if not name then harness.skip "no function has a suffix alone" end
    with('SEC("kprobe") int on_call(void *ctx) { return 0; }', function(obj)
      kernel.attach(obj.programs.on_call, "kprobe:" .. name):close()
    end)
  end)

  it("that the compiler inlined", function()
    local name = first_line [[
      LC_ALL=C awk '$2 ~ /[tT]/ && $4 == "" { print $3 }' /proc/kallsyms | sort -u >$$.all
      trap 'rm -f $$.all' EXIT
      grep -E '^[a-z_]+\.part\.0$' $$.all | sed 's/\.part\.0$//' | while read -r name; do
        grep -qE "^$name(\.(isra|constprop|llvm)\..*)?$" $$.all || echo "$name"
      done
    ]]
    if not name then harness.skip "no function is there in part alone" end
    local message, hint, code = refused("kprobe:" .. name)
    expect.equal(message, ("kprobe:%s: the compiler inlined %s: this kernel has no "
                           .. "symbol for it"):format(name, name))
    expect.equal({ hint, code }, { "probe a function that calls it", "not_found" })
  end)

  it("that is on the kernel's blacklist", function()
    local name = first_line [[
      awk '$2 ~ /^(exc_int3|do_int3|notify_die|perf_trace_buf_alloc|get_kprobe)$/ {
        print $2 }' /sys/kernel/debug/kprobes/blacklist
    ]]
    if not name then harness.skip "no debugfs with kprobes/blacklist" end
    local message, hint, code = refused("kprobe:" .. name)
    expect.equal({ code, hint }, { "not_supported", "probe a function that calls it" })
    expect.truthy(message:find(name .. " is on its list of functions that no kprobe may "
                               .. "touch (kprobes/blacklist)", 1, true), message)
  end)

  it("that is absent, renamed, or data", function()
    local message, hint = refused "kprobe:vfs_raed"
    expect.equal(message, "kprobe:vfs_raed: the kernel has no function vfs_raed that can "
                          .. "be probed")
    expect.truthy(hint:find("'vfs_read'", 1, true), hint)
    message, hint = refused "kprobe:_do_fork"
    expect.equal(hint, "_do_fork is called kernel_clone in this kernel")
    expect.truthy(message:find "^kprobe:_do_fork: ", message)
    expect.equal((refused "kprobe:jiffies"), "kprobe:jiffies: jiffies is data, not a "
                                             .. "function")
  end)
end)

describe("after a SIGKILL", function()
  local call = ffi.arch == "arm64" and "__arm64_sys_getpgid" or "__x64_sys_getpgid"
  local PROGRAM = 'SEC("%s") int kf_killed(void *ctx) { return 0; }'
  local ROWS = {
    { "kprobe", "kprobe:" .. call },
    { "kprobe", "kprobe:*sys_getpgid" },
    { "kretprobe", "kretprobe:" .. call },
    { "kretprobe", "kretprobe:" .. call, "{ maxactive = 20 }" },
    { "ksyscall", "ksyscall:getpgid" },
    { "kprobe.session", "kprobe.session:" .. call },
    { "fentry", "fentry:" .. call },
    { "fexit", "fexit:" .. call },
    { "fmod_ret", "fmod_ret:security_task_getpgid" },
  }

  local function left()
    return tonumber(support.sh([[
      cd /sys/kernel
      cat debug/kprobes/list tracing/enabled_functions tracing/kprobe_events 2>/dev/null |
        grep -cE "sys_getpgid|security_task_getpgid"
    ]]).out)
  end

  for _, row in ipairs(ROWS) do
    local section, spec, options = unpack(row)
    it(("nothing is left: %s %s"):format(spec, options or ""), function()
      local chunk = ([==[
        local obj = bpf.load { source = [[%s]] }
        obj.programs.kf_killed:attach("%s", %s)
        print "attached"
        io.stdout:flush()
        bpf.run()
      ]==]):format(PROGRAM:format(section), spec, options or "nil")
      with(PROGRAM:format(section), function(obj)
        local given = options and { maxactive = 20 }
        kernel.attach(obj.programs.kf_killed, spec, given):close()
      end)
      support.eventually(function() return left() == 0 end)
      expect.equal(left(), 0)
      kernel.killed(chunk, function()
        expect.truthy(left() >= 1, "attached")
        expect.equal(kernel_state.programs "kf_killed", 1)
      end, function() return left() == 0 and kernel_state.programs "kf_killed" == 0 end)
    end)
  end
end)
