-- Histograms: BCC's layout to the byte, sections, and the JSON and CSV twins.
local ffi = require "ffi"
local decode = require "bpf.decode"
local emit = require "bpf.emit"
local builder = require "type_builder"

local function out(mode)
  local to = emit.writer.memory()
  return emit.new(to, { mode = mode }), to
end

local FULL, HALF = ("*"):rep(40), ("*"):rep(20)

describe("log2 histogram", function()
  it("has BCC's layout", function()
    local o, to = out "table"
    o:log2_hist({ [1] = 12, [3] = 6, [4] = 1 }, { unit = "usecs" })
    expect.equal(to:text(), table.concat({
      "     usecs               : count     distribution",
      "         0 -> 1          : 12       |" .. FULL .. "|",
      "         2 -> 3          : 0        |" .. (" "):rep(40) .. "|",
      "         4 -> 7          : 6        |" .. HALF .. (" "):rep(20) .. "|",
      "         8 -> 15         : 1        |***" .. (" "):rep(37) .. "|",
    }, "\n") .. "\n")
    expect.equal(#to.writes, 1)
  end)

  it("is wider above 32 bits, exact at 64", function()
    local o, to = out "table"
    o:log2_hist({ [64] = 3ULL }, { strip_leading_zero = true })
    expect.equal(to:text(),
      "               value                         : count     distribution\n"
      .. " 9223372036854775808 -> 18446744073709551615 : 3        |" .. HALF .. "|\n")
    expect.error("slot 65 is not one of a log2", o.log2_hist, o, { [65] = 1 })
  end)

  it("is a list of {min, max, count} in JSON, rows in CSV", function()
    local o, to = out "json"
    o:log2_hist({ [2] = 5, [4] = 1 }, { unit = "usecs" })
    expect.equal(to:text(), '{"data":[{"count":5,"max":3,"min":2},'
      .. '{"count":0,"max":7,"min":4},{"count":1,"max":15,"min":8}],'
      .. '"type":"hist","unit":"usecs"}\n')
    o, to = out "csv"
    o:log2_hist { [2] = 5, [3] = 1 }
    expect.equal(to:text(), "min,max,count\n2,3,5\n4,7,1\n")
  end)

  it("has one section for each key that shares the slots", function()
    local b = builder()
    local key = b.struct("key", 24, { { "comm", b.text(16), 0 }, { "bin", b.u64, 128 } })
    local set = decode.new(b.types)
    local function make(comm, bin)
      local memory = ffi.new "uint8_t[24]"
      set:write(key)(memory, { comm = comm, bin = bin })
      return set:own(key)(memory)
    end
    local map = { pairs = function()
      return pairs { [make("sh", 1)] = 1, [make("bash", 2)] = 4, [make("bash", 1)] = 2 }
    end }
    local o, to = out "table"
    o:log2_hist(map, { section = "comm" })
    expect.equal(to:text(), table.concat({
      "", "comm = bash",
      "     value               : count     distribution",
      "         0 -> 1          : 2        |" .. HALF .. (" "):rep(20) .. "|",
      "         2 -> 3          : 4        |" .. FULL .. "|",
      "", "comm = sh",
      "     value               : count     distribution",
      "         0 -> 1          : 1        |" .. FULL .. "|",
    }, "\n") .. "\n")
    o, to = out "json"
    o:log2_hist({ [{ cpu = 1, slot = 2 }] = 1 }, { section = "cpu" })
    expect.equal(to:text(),
      '{"cpu":1,"data":[{"count":1,"max":3,"min":2}],"type":"hist"}\n')
    o, to = out "csv"
    o:log2_hist(map, { section = "comm" })
    expect.equal(to:text(), "comm,min,max,count\nbash,0,1,2\nbash,2,3,4\nsh,0,1,1\n")
  end)

  it("has labels in JSON and CSV, and goes on with a CSV", function()
    local options = { labels = { { "comm", "sh" }, { "pid", 7 } } }
    local o, to = out "json"
    o:log2_hist({ [2] = 5 }, options)
    expect.equal(to:text(),
      '{"comm":"sh","data":[{"count":5,"max":3,"min":2}],"pid":7,"type":"hist"}\n')
    o, to = out "csv"
    o:log2_hist({ [2] = 5 }, options)
    o:log2_hist({ [3] = 1 }, { labels = { { "comm", "a,b" }, { "pid", 8 } },
                               continues = true })
    expect.equal(to:text(), 'comm,pid,min,max,count\nsh,7,2,3,5\n"a,b",8,4,7,1\n')
  end)

  it("takes slot 0 as slot 1, adds up CPUs, and may be empty", function()
    local o, to = out "csv"
    local per_cpu = { sum = function() return 3 end }
    o:log2_hist { [0] = 1, [1] = per_cpu }
    expect.equal(to:text(), "min,max,count\n0,1,4\n")
    o, to = out "table"
    o:log2_hist {}
    expect.equal(to:text(), "")
    expect.error("expected a map or a table", o.log2_hist, o, 5)
    expect.error("is an integer, not 1.5", o.log2_hist, o, { [1.5] = 1 })
  end)
end)

describe("linear histogram", function()
  it("has BCC's layout", function()
    local o, to = out "table"
    o:linear_hist({ [1] = 1, [2ULL] = 4 }, { unit = "kbytes" })
    expect.equal(to:text(), table.concat({
      "     kbytes        : count     distribution",
      "        0          : 0        |" .. (" "):rep(40) .. "|",
      "        1          : 1        |" .. ("*"):rep(10) .. (" "):rep(30) .. "|",
      "        2          : 4        |" .. FULL .. "|",
    }, "\n") .. "\n")
  end)

  it("has ranges when a slot is wider than one value, and a limit", function()
    local o, to = out "csv"
    o:linear_hist({ [0] = 1, [2] = 4 }, { low = 100, step = 10 })
    expect.equal(to:text(), "min,max,count\n100,109,1\n110,119,0\n120,129,4\n")
    expect.error("too many rows", o.linear_hist, o, { [1e6] = 1 })
  end)
end)
