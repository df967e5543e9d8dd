--- Lifetimes: what lives on when Lua drops it, what is freed, what a failure leaves.
local ffi = require "ffi"
local bpf = require "bpf"
local kernel_state = require "kernel_state"
local program = require "program"
local support = require "support"

ffi.cdef "int getppid(void);"

local SOURCE = [[
  const volatile u32 target;
  u64 calls;
  struct event { u64 number; };
  RINGBUF(events, struct event, 4096);
  HASH(seen, u32, u64, 16);

  SEC("tracepoint/syscalls/sys_enter_getppid")
  int life_spec(void *ctx)
  {
    struct event event = {};

    if (bpf_get_current_pid_tgid() >> 32 != target)
      return 0;
    event.number = calls++;
    bpf_ringbuf_output(&events, &event, sizeof(event), 0);
    return 0;
  }
]]

local function load()
  return bpf.load { source = SOURCE, constants = { target = support.pid } }
end

local function call(times)
  for _ = 1, times do ffi.C.getppid() end
end

local function collect()
  collectgarbage()
  collectgarbage()
end

--- The kernel frees programs after a grace period.
local function unloaded()
  return support.eventually(function() return kernel_state.programs("life_spec") == 0 end)
end

describe("what is attached", function()
  it("counts on when every Lua value is dropped", function()
    local map = load():attach().maps.seen
    collect()
    call(5)
    local obj = map.owner
    expect.equal(obj.variables.calls, 5)
    obj:close()
    expect.truthy(unloaded(), "unloaded")
  end)

  it("stays when a link is dropped, and goes when it is closed", function()
    local obj = load()
    obj.programs.life_spec:attach()
    collect()
    call(3)
    expect.equal(obj.variables.calls, 3)
    local link = obj.programs.life_spec:attach "tracepoint:syscalls:sys_exit_getppid"
    call(1)
    expect.equal(obj.variables.calls, 5)
    link:close()
    link:close()
    call(1)
    expect.equal(obj.variables.calls, 6)
    obj:close()
  end)

  it("is collected with an object that has neither links nor readers", function()
    expect.truthy(unloaded(), "unloaded, those before")
    load().programs.life_spec:load()
    expect.equal(kernel_state.programs("life_spec"), 1)
    collect()
    expect.truthy(unloaded(), "unloaded")
  end)

  it("is all or none", function()
    local obj = bpf.load { source = [[
      SEC("tracepoint/syscalls/sys_enter_getppid") int life_one(void *ctx) { return 0; }
      SEC("uprobe//bin/no_such_program:main") int life_two(void *ctx) { return 0; }
    ]] }
    expect.error("/bin/no_such_program", obj.attach, obj)
    expect.equal(kernel_state.links("life_one"), 0)
    obj:close()
  end)
end)

describe("a closed object", function()
  local obj = load():attach()
  local map, variables, probe = obj.maps.seen, obj.variables, obj.programs.life_spec
  local events = obj.maps.events
  map[1] = 1
  events:each(function() end)
  obj:close()
  obj:close()

  for what, use in pairs {
    ["map read"] = function() return map[1] end,
    ["map write"] = function() map[1] = 2 end,
    ["map iteration"] = function() return map:pairs() end,
    ["map:delete"] = function() return map:delete(1) end,
    ["map:clear"] = function() map:clear() end,
    ["map:count"] = function() return map:count() end,
    ["map:each"] = function() events:each(print) end,
    ["map:read"] = function() return events:read(1) end,
    ["variable read"] = function() return variables.calls end,
    ["variable write"] = function() variables.calls = 1 end,
    ["program:attach"] = function() return probe:attach() end,
    ["program:load"] = function() return probe:load() end,
    ["program:fd"] = function() return probe:fd() end,
    ["object:attach"] = function() return obj:attach() end,
  } do
    it("refuses " .. what .. " by its name", function()
      expect.error("object 'lifetime_spec' is closed", use)
    end)
  end

  it("still prints", function()
    expect.equal(tostring(obj), "object: lifetime_spec (closed)")
    expect.equal(tostring(map), "map: seen (hash)")
    expect.equal(map:lost(), 0)
  end)
end)

describe("an error in a handler", function()
  it("stops the run behind the record that it was called for", function()
    local obj, seen = load():attach(), {}
    obj.maps.events:each(function(event)
      seen[#seen + 1] = event.number
      if event.number == 2 then error("third") end
    end)
    call(5)
    local ok, err = pcall(bpf.run, 1)
    expect.equal(ok, false)
    expect.truthy(tostring(err):find("lifetime_spec.lua:%d+: third"), tostring(err))
    expect.equal(table.concat(seen, " "), "0 1 2")
    expect.equal(bpf.run(0), "timeout")
    expect.equal(table.concat(seen, " "), "0 1 2 3 4")
    obj:close()
  end)

  it("is printed with its traceback; all is detached and printed output kept", function()
    local result = support.run_script(([=[
      local bpf, ffi = require "bpf", require "ffi"
      ffi.cdef "int getppid(void); int getpid(void);"
      local obj = bpf.load { source = [[%s]], constants = { target = ffi.C.getpid() } }
      local function handle(event)
        print("event", event.number)
        error("in the handler")
      end
      obj.maps.events:each(handle)
      obj:attach()
      ffi.C.getppid()
      bpf.run(100)
    ]=]):format(SOURCE))
    program.failed(result, 1, ":23: in the handler\nstack traceback:",
                   result.path .. ":23: in function", result.path .. ":28: in main chunk")
    expect.equal(result.err:find("ebpf-lua:bpf", 1, true), nil)
    expect.equal(result.out, "event\t0\n")
    expect.equal(kernel_state.links("life_spec"), 0)
    expect.truthy(unloaded(), "unloaded")
  end)
end)

describe("os.exit", function()
  it("in a handler detaches first and keeps what was printed", function()
    local result = support.run_script(([=[
      local bpf, ffi = require "bpf", require "ffi"
      ffi.cdef "int getppid(void); int getpid(void);"
      local obj = bpf.load { source = [[%s]], constants = { target = ffi.C.getpid() } }
      obj.maps.events:each(function(event) print(event) os.exit(9) end)
      obj:attach()
      ffi.C.getppid()
      bpf.run(100)
    ]=]):format(SOURCE))
    expect.equal(result.out, "{number=0}\n")
    expect.equal(result.code, 9)
    expect.equal(kernel_state.links("life_spec"), 0)
    expect.truthy(unloaded(), "unloaded")
  end)
end)
