--- The event loop compiles: the drain of a real ring becomes a looping trace without
--- aborts.
local ffi = require "ffi"
local util = require "jit.util"
local bpf = require "bpf"
local harness = require "harness"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

ffi.cdef [[
int getppid(void);
]]

local SOURCE = [[
  struct event { u64 ts; u32 pid; u32 number; char comm[TASK_COMM_LEN]; u16 list[4]; };
  %s
  const volatile u32 target = 0;
  u32 number;

  SEC("tracepoint/syscalls/sys_enter_getppid")
  int on_call(void *ctx)
  {
    struct event e = {};

    if (bpf_get_current_pid_tgid() >> 32 != target)
      return 0;
    e.ts = bpf_ktime_get_ns();
    e.pid = target;
    e.number = number++;
    bpf_get_current_comm(e.comm, sizeof(e.comm));
    e.list[1] = 2;
    %s
    return 0;
  }
]]

-- The chunk name of the drain functions, in lua/bpf/events.lua.
local DRAIN = "@ebpf-lua:bpf/events.lua drain"

--- What the trace compiler did with functions of the drain while `fn` ran.
local function traces(fn)
  local seen = { loops = 0, aborts = {} }
  local starting
  local function on_trace(what, _, func, _, reason)
    if what == "start" then
      starting = func and util.funcinfo(func).source
    elseif what == "stop" and starting == DRAIN then
      seen.loops = seen.loops + 1
    elseif what == "abort" and starting == DRAIN then
      seen.aborts[#seen.aborts + 1] = tostring(reason)
    end
  end
  jit.flush()
  jit.attach(on_trace, "trace")
  fn()
  jit.attach(on_trace)
  return seen
end

local KINDS = {
  { "ring buffer", "RINGBUF(events, struct event, 1024 * 1024);",
    "bpf_ringbuf_output(&events, &e, sizeof(e), 0);", 5000 },
  { "perf buffer", "PERFBUF(events, struct event);",
    "bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));", 2000 },
}

for _, kind in ipairs(KINDS) do
  describe("the drain of a " .. kind[1], function()
    it("is a compiled loop", function()
      local obj = bpf.load { source = SOURCE:format(kind[2], kind[3]),
                             constants = { target = support.pid } }
      local wanted = kind[4]
      local sum, count, by_comm, last = 0, 0, {}, -1
      obj.maps.events:each(function(e)
        sum = sum + e.pid + e.list[2]
        by_comm[e.comm] = (by_comm[e.comm] or 0) + 1
        if e.number == last + 1 and e.ts > 0 then count = count + 1 end
        last = e.number
      end)
      obj:attach()
      for _ = 1, wanted do ffi.C.getppid() end
      local seen = traces(function()
        while bpf.poll(50) > 0 do end -- luacheck: ignore 542
      end)
      obj:close()
      expect.equal(count, wanted)
      expect.equal(sum, wanted * (support.pid + 2))
      expect.equal(by_comm, { ["ebpf-lua"] = wanted })
      expect.truthy(seen.loops > 0, "compiled loops: " .. seen.loops)
      expect.equal(seen.aborts, {})
    end)
  end)
end

local PRINTER = [==[
  local bpf, ffi = require "bpf", require "ffi"
  local util = require "jit.util"
  ffi.cdef "int getppid(void); int getpid(void);"
  local obj = bpf.load { source = [[%s]], constants = { target = ffi.C.getpid() } }
  obj.maps.events:each(function(e) print(e.number, e.comm, 2 ^ 53, -1.5, '"\1') end)
  obj:attach()
  for _ = 1, 5000 do ffi.C.getppid() end
  local loops = 0
  local starting
  jit.attach(function(what, _, func)
    if what == "start" then starting = func and util.funcinfo(func).source end
    if what == "stop" and starting == "%s" then loops = loops + 1 end
  end, "trace")
  while bpf.poll(50) > 0 do end
  io.stderr:write(loops)
]==]

describe("print in a handler", function()
  for mode, line in pairs {
    [""] = '%d\tebpf-lua\t9007199254740992\t-1.5\t"\1\n',
    ["--json "] = '{"data":"%d\\tebpf-lua\\t9007199254740992\\t-1.5\\t\\"\\u0001",'
      .. '"type":"print"}\n',
  } do
    it("is part of the compiled loop and loses no line " .. mode, function()
      local result = support.run_script(
        PRINTER:format(SOURCE:format(KINDS[1][2], KINDS[1][3]), DRAIN), "", mode)
      local lines = {}
      for number = 0, 4999 do lines[#lines + 1] = line:format(number) end
      expect.equal(result.err:match("%D"), nil)
      expect.equal(result.out == table.concat(lines), true)
      expect.truthy(tonumber(result.err) > 0, result.err)
    end)
  end
end)
