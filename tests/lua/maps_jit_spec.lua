--- Loops over maps compile: reading one with pairs(), writing lists of keys and values.
local jutil = require "jit.util"
local bpf = require "bpf"
local harness = require "harness"
local describe, it, expect = harness.describe, harness.it, harness.expect
local skip = harness.skip

local ENTRIES = 20000

--- Runs fn; the chunks whose loops became traces, and aborts.
local function traces(fn)
  local loops, aborts, start = {}, {}, nil
  local function watch(what, _, func, pc, code, reason)
    if what == "start" then
      local at = func and jutil.funcinfo(func, pc)
      start = at and ("%s:%s"):format(at.source, at.currentline)
    elseif what == "stop" then
      loops[#loops + 1] = start
    elseif what == "abort" then
      aborts[#aborts + 1] = ("%s: %s %s"):format(start, tostring(code), tostring(reason))
    end
  end
  jit.flush()
  jit.attach(watch, "trace")
  local ok, err = pcall(fn)
  jit.attach(watch)
  expect.truthy(ok, tostring(err))
  return table.concat(loops, "\n"), table.concat(aborts, "\n")
end

local function new_map(kind, value, types)
  return bpf.create_map { type = kind, key = kind == "array" and "u32" or "u64",
                          value = value, entries = ENTRIES, types = types }
end

local HIT = "struct hit { u64 count; u32 pid; char comm[16]; };"
local CASES = {
  { "hash", "u64", nil, function(i) return i end, function(v) return v end },
  { "hash", "struct hit", HIT, function(i)
    return { count = i, pid = 7, comm = "bash" }
  end, function(v) return v.count end },
  { "array", "struct hit", HIT, function(i)
    return { count = i, pid = 7, comm = "bash" }
  end, function(v) return v.count end },
  { "percpu_hash", "u64", nil, function(i) return i end,
    function(v) return v[1] end },
}

describe("a loop over", function()
  for _, case in ipairs(CASES) do
    local kind, value, types, make, count = unpack(case)
    it(("pairs() of a %s of %s is compiled"):format(kind, value), function()
      if not jit.status() then skip "the JIT is off" end
      local map = new_map(kind, value, types)
      local keys, values = {}, {}
      for i = 1, ENTRIES do keys[i], values[i] = i - 1, make(i) end
      local written = traces(function()
        expect.equal(map:update_all(keys, values), ENTRIES)
      end)
      expect.truthy(written:find("bpf/map_batch.lua", 1, true), "writes: " .. written)
      local sum, seen = 0, 0
      local read = traces(function()
        for key, v in map:pairs() do
          sum = sum + key + count(v)
          seen = seen + 1
        end
      end)
      expect.equal(seen, ENTRIES)
      expect.equal(sum, ENTRIES * ENTRIES)
      -- The loop is the script's: its trace begins here.
      expect.truthy(read:find("maps_jit_spec.lua", 1, true), "reads: " .. read)
    end)
  end
end)
