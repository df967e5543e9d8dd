-- The event loop must compile: an FFI loop that does not is slower than the C API, and
-- nothing else would tell. Also prints what an event costs, on an in-cache buffer.
local ffi = require "ffi"
local jit = require "jit"
local jutil = require "jit.util"
local decode = require "bpf.decode"
local builder = require "type_builder"

local RECORDS, EVENTS = 1024, 1000000

local b = builder()
local point = b.struct("point", 8, { { "x", b.s32, 0 }, { "y", b.s32, 32 } })
local state = b.enum("state", 4, false, { { name = "ON", value = 1 } })
local event = b.struct("event", 80, {
  { "pid", b.u32, 0 }, { "flag", b.bool, 32 }, { "low", b.u16, 40, 5 },
  { "high", b.s64, 45, 11 }, { "ts", b.u64, 64 }, { "delta", b.s64, 128 },
  { "comm", b.text(16), 192 }, { "at", point, 320 }, { "list", b.array(b.u32, 4), 384 },
  { "points", b.array(point, 1), 512 }, { "state", state, 576 }, { "big", b.u32, 608 },
})
local set = decode.new(b.types)
local SIZE = set:size(event)
local memory = ffi.new("uint8_t[?]", RECORDS * SIZE)
for i = 0, RECORDS - 1 do
  set:write(event)(memory + i * SIZE, {
    pid = i, flag = i % 2 == 0, low = i % 32, high = -i, ts = 2 ^ 40 + i, delta = -i,
    comm = i % 2 == 0 and "bash" or "sshd", at = { x = i, y = -i },
    list = { 1, 2, 3, i }, points = { { x = 1, y = i } }, state = 1,
  })
end

-- A trace that began at the head of a function ran into the loop: hot counters are shared
-- by hash. LuaJIT then starts one at the loop itself, so it says nothing about the loop.
local RAN_INTO_LOOP = 9

--- Runs fn; the number of traces it made and the reasons of aborted ones.
local function traces(fn)
  local stops, aborts = 0, {}
  local function watch(what, _, func, pc, code, reason)
    if what == "stop" then
      stops = stops + 1
    elseif what == "abort" and code ~= RAN_INTO_LOOP then
      local at = jutil.funcinfo(func, pc)
      aborts[#aborts + 1] = ("trace error %s (%s) at %s:%s"):format(
        tostring(code), tostring(reason), at.source, at.currentline)
    end
  end
  jit.flush()
  jit.attach(watch, "trace")
  local ok, err = pcall(fn)
  jit.attach(watch)
  expect.truthy(ok, tostring(err))
  return stops, aborts
end

--- A loop of its own bytecode, as each script has one, over EVENTS records.
local function loop(body)
  return assert(loadstring(([[
    local borrow, memory, size, records = ...
    return function(events)
      local sum, seen = 0, {}
      for i = 0, events - 1 do
        local e = borrow(memory + (i %% records) * size)
        %s
      end
      return sum, seen
    end]]):format(body), "=loop"))(set:borrow(event), memory, SIZE, RECORDS)
end

local CASES = {
  { "u32", "sum = sum + e.pid" },
  { "u64", "sum = sum + e.ts" },
  { "s64", "sum = sum + e.delta" },
  { "bool", "if e.flag then sum = sum + 1 end" },
  { "enum", "sum = sum + e.state" },
  { "bit-fields", "sum = sum + e.low + e.high" },
  { "string", "local c = e.comm; seen[c] = (seen[c] or 0) + 1" },
  { "nested struct", "sum = sum + e.at.x + e.at.y" },
  { "array element", "sum = sum + e.list[4] + #e.list" },
  { "array of structs", "sum = sum + e.points[1].y" },
  { "u64 sum and count by string",
    "sum = sum + e.ts; local c = e.comm; seen[c] = (seen[c] or 0) + 1" },
  { "exact u64", "if e:exact 'ts' > 5ULL then sum = sum + 1 end", may_allocate = true },
}

describe("loops over events", function()
  for _, case in ipairs(CASES) do
    local name, body = case[1], case[2]
    it("compile and leave no garbage: " .. name, function()
      if not jit.status() then
        skip "the JIT is off"
      end
      local run = loop(body)
      local stops, aborts = traces(function()
        run(EVENTS)
      end)
      expect.equal(table.concat(aborts, "; "), "")
      expect.truthy(stops >= 1, "number of traces")
      collectgarbage()
      collectgarbage "stop"
      local before, clock = collectgarbage "count", os.clock()
      run(EVENTS)
      local seconds, garbage = os.clock() - clock, collectgarbage "count" - before
      collectgarbage "restart"
      print(("     %-28s %6.2f ns/event %7.1f M/s %7.1f KB"):format(
        name, seconds * 1e9 / EVENTS, EVENTS / seconds / 1e6, garbage))
      if not case.may_allocate then
        expect.truthy(garbage < 4, ("garbage of %.1f KB"):format(garbage))
      end
    end)
  end

  it("compile when 64-bit values lie on both sides of 2^53", function()
    if not jit.status() then
      skip "the JIT is off"
    end
    local bytes, ts = {}, set:type(event).fields[5].offset / 8
    for i = 0, RECORDS - 1, 2 do
      bytes[i] = ffi.string(memory + i * SIZE, SIZE)
      ffi.cast("uint64_t *", memory + i * SIZE + ts)[0] = 0xffffffffffffff00ULL
    end
    local run = loop "local t = e.ts; if t > 0 then sum = sum + 1 end"
    local _, aborts = traces(function()
      expect.equal(run(EVENTS), EVENTS)
    end)
    for i, text in pairs(bytes) do
      ffi.copy(memory + i * SIZE, text, SIZE)
    end
    expect.equal(table.concat(aborts, "; "), "")
  end)

  it("compile with writes of keys and owned copies", function()
    if not jit.status() then
      skip "the JIT is off"
    end
    local key, own, scratch = set:write(b.u32), set:own(event), ffi.new "uint8_t[8]"
    local sum = own(memory).pid -- makes the ctype
    local _, aborts = traces(function()
      for i = 0, EVENTS - 1 do
        key(scratch, i)
        sum = sum + own(memory + (i % RECORDS) * SIZE).pid
      end
    end)
    expect.equal(table.concat(aborts, "; "), "")
    expect.truthy(sum > 0, "sum")
  end)
end)

describe("a handler that cannot compile", function()
  it("does not keep later loops from compiling", function()
    if not jit.status() then
      skip "the JIT is off"
    end
    local own = set:own(event)(memory)
    local closure
    for i = 1, 200000 do
      local e = set:borrow(event)(memory)
      closure = function() return e end -- a closure in a loop is never compiled
      own.pid, own.list[1], own.at.x = i, e.list[4] + #e.list, e.at.y
      own.delta, own.low = e.ts, e.low
      own.comm = e.comm
    end
    expect.equal(closure().pid, 0)
    local run = loop "sum = sum + e.ts + e.at.x + e.list[1] + #e.comm + e.low"
    local _, aborts = traces(function()
      run(EVENTS)
      for i = 1, EVENTS do
        own.delta, own.list[1] = i, own.low
      end
    end)
    expect.equal(table.concat(aborts, "; "), "")
  end)
end)
