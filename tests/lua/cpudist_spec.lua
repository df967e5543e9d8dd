-- cpudist: as many stays on a CPU as the scheduler counts for a process, how long they
-- were, and how long those off it.
local support = require "support"
local tools = require "tool"

local ON, OFF = { banner = "Tracing on-CPU time" }, { banner = "Tracing off-CPU time" }
-- Switches of a process after it has counted its own: a loaded machine has many.
local AFTER = 100
local TOLD = 0.95 -- of the switches, see runqlat_spec

describe("cpudist", function()
  tools.common_tests("cpudist", {
    banner = ON.banner,
    all = { "-O", "-T", "-m", "-P", "-L", "-I", "-p <PID>", "[<interval>] [<count>]",
            "-d <SECONDS>", "--json", "--csv" },
    mistakes = {
      ["-Z"] = "unknown option '-Z'", ["-p self"] = "'self' is not a whole number",
      ["-1"] = "unknown option '-1'", ["1 2 3"] = "too many arguments",
    },
  })

  for option, title in pairs { ["-P"] = "pid", ["-L"] = "tid" } do
    it("counts every stay of a process with " .. option, function()
      tools.with("cpudist", option, ON, function(tool)
        local pid, _, results = tools.act("sleep 200 1000")
        expect.equal(tool:stop(), 0)
        local _, sum = tools.histogram(tool:out(), title .. " = " .. pid)
        expect.truthy(sum >= results[1] * TOLD and sum <= results[1] + AFTER,
                      ("%d stays, %d switches"):format(sum, results[1]))
      end)
    end)
  end

  it("shows how long a process runs", function()
    tools.with("cpudist", "-P", ON, function(tool)
      local pid, _, results = tools.act("spin 0.5")
      expect.equal(tool:stop(), 0)
      local rows, sum = tools.histogram(tool:out(), "pid = " .. pid)
      local least, most = 0, 0
      for _, row in ipairs(rows) do
        least, most = least + row.min * row.count, most + (row.max + 1) * row.count
      end
      expect.truthy(sum >= results[1], "stays")
      expect.truthy(most >= 500000, "it ran for half a second: " .. most)
    end)
  end)

  it("shows how long a process sleeps", function()
    tools.with("cpudist", "-O -P", OFF, function(tool)
      local pid, _, results = tools.act("sleep 3 300000")
      expect.equal(tool:stop(), 0)
      local rows, sum = tools.histogram(tool:out(), "pid = " .. pid)
      expect.truthy(sum >= results[1] - 1 and sum <= results[1] + AFTER, "stays off")
      local long = 0
      for _, row in ipairs(rows) do
        if row.min >= 262144 then long = long + row.count end
      end
      expect.truthy(long >= 3, "sleeps of 0.3 s: " .. long)
    end)
    tools.with("cpudist", "-O -m", OFF, function(tool)
      tools.act("sleep 3 300000")
      expect.equal(tool:stop(), 0)
      local rows = tools.histogram(tool:out())
      expect.truthy(rows[#rows].max >= 511, "milliseconds")
      expect.truthy(tool:out():find("     msecs               : count", 1, true), "unit")
    end)
  end)

  it("shows one process only, and idle tasks when asked", function()
    tools.with("cpudist", "-P -p " .. support.pid, ON, function(tool)
      support.sleep(0.1)
      expect.equal(tool:stop(), 0)
      local _, sections = tool:out():gsub("\npid = " .. support.pid .. "\n", "")
      local _, all = tool:out():gsub("\npid = ", "")
      expect.equal({ sections, all }, { 1, 1 })
    end)
    local function idle() -- in ticks, of all CPUs
      return tonumber(io.open("/proc/stat"):read("*l"):match("^cpu +%d+ %d+ %d+ (%d+)"))
    end
    tools.with("cpudist", "-P -I", ON, function(tool)
      local before = idle()
      if not support.eventually(function() return idle() > before + 1 end) then
        skip("no CPU is ever idle here")
      end
      support.sleep(0.1)
      expect.equal(tool:stop(), 0)
      local _, sum = tools.histogram(tool:out(), "pid = 0")
      expect.truthy(sum > 0, "stays of idle tasks")
    end)
  end)

  tools.it_on_host("gives JSON and CSV", function()
    local result = support.sh(tools.command("cpudist", "--json -L 0.5 1"))
    local form = '^{"data":%[{"count":%d+,"max":%d+,"min":%d+}.-%],"tid":%d+,'
      .. '"type":"hist","unit":"usecs"}\n'
    expect.truthy(result.out:match(form), result.out)
    result = support.sh(tools.command("cpudist", "--csv 0.5 1"))
    expect.truthy(result.out:match("^min,max,count\n%d+,%d+,%d+\n"), result.out)
  end)
end)
