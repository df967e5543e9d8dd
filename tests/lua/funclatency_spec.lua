-- funclatency: functions that sleep for a known time, inside each other, in many threads,
-- and left without a return.
local support = require "support"
local tools = require "tool"

local SPINNER = support.program:match("^(.*)/") .. "/spinner"
local SLEEP = 20 -- milliseconds of a call in it

--- Runs the tool over a run of the spinner: its result, and how many milliseconds that
--- took at most.
local function run(arguments, words)
  local before = support.sh("date +%s%3N").out
  local result = support.sh(tools.command("funclatency", ("-c %s %s")
    :format(support.quote(("exec %s %s >/dev/null"):format(SPINNER, words)), arguments)))
  return result, support.sh("date +%s%3N").out - before
end

--- The same as rows of milliseconds, their sum of counts, and what the last line says.
local function measure(arguments, words, title)
  local result, most = run("-m " .. arguments, words)
  if result.code ~= 0 then return nil, result end
  local rows, count = tools.histogram(result.out, title)
  local average, total, all =
    result.out:match("\navg = (%d+) msecs, total: (%d+) msecs, count: (%d+)\n\n$")
  expect.truthy(all, result.out)
  return { rows = rows, count = count, total = tonumber(total), all = tonumber(all),
           average = tonumber(average), most = most, err = result.err }
end

--- Skips where the kernel has no kprobes, or no cookies of probes.
local function able(measured, refused)
  if measured then return measured end
  if refused.code == 3 or refused.code == 4 or refused.err:find("get_attach_cookie") then
    skip(refused.err:match("[^\n]+"))
  end
  error(refused.err)
end

--- How many are in rows that begin at `least` milliseconds or more.
local function from(measured, least)
  local sum = 0
  for _, row in ipairs(measured.rows) do
    if row.min >= least then sum = sum + row.count end
  end
  return sum
end

local function expect_total(measured, least, threads)
  expect.truthy(measured.total >= least
                and measured.total <= measured.most * measured.count,
                ("%d ms in %d ms of %d threads"):format(measured.total, measured.most,
                                                        threads or 1))
  expect.equal(measured.average, math.floor(measured.total / measured.count))
end

describe("funclatency", function()
  tools.common_tests("funclatency", {
    banner = ("Tracing 1 functions for '%s:called'"):format(SPINNER),
    arguments = SPINNER .. ":called",
    all = { "-p <PID>", "-i <SECONDS>", "-T", "-u", "-m", "-F", "-r", "-l <LEVEL>",
            "<pattern>", "-d <SECONDS>", "--json", "--csv" },
    mistakes = {
      ["-Z"] = "unknown option '-Z'", ["-p self"] = "'self' is not a whole number",
      ["-l 101"] = "'101' is not a whole number from 1 to 100",
      ["extra"] = "too many arguments",
    },
  })

  it("counts and times every call", function()
    local seen = measure(SPINNER .. ":called", "calls /none 12")
    expect.equal({ seen.count, seen.all, from(seen, 16) }, { 12, 12, 12 })
    expect_total(seen, 12 * SLEEP)
  end)

  it("tells apart calls inside each other, and those of threads", function()
    local seen = measure("-F " .. SPINNER .. ":nested", "nested /none 4 5",
                         "Function = nested")
    expect.equal({ seen.count, from(seen, 16), seen.all }, { 20, 20, 20 })
    expect.truthy(from(seen, 32) >= 15 and from(seen, 64) >= 5, "the outer ones")
    expect_total(seen, 5 * (1 + 2 + 3 + 4) * SLEEP, 5)
    expect.truthy(not seen.err:find("inside", 1, true), seen.err)
  end)

  it("says how many were too deep to follow", function()
    local seen = measure("-l 2 " .. SPINNER .. ":nested", "nested /none 5")
    expect.equal({ seen.count, from(seen, 64) }, { 2, 2 })
    expect_total(seen, (5 + 4) * SLEEP)
    local text = "funclatency: 3 calls were inside more than 2 others: -l follows more\n"
    expect.truthy(seen.err:find(text, 1, true), seen.err)
  end)

  it("forgets calls that were left without a return", function()
    local seen = measure(SPINNER .. ":left", "jumps /none 100")
    expect.equal({ seen.count, from(seen, 16), seen.all }, { 1, 1, 1 })
    expect.truthy(not seen.err:find("inside", 1, true), seen.err)
  end)

  it("prints every interval what was added in it, of one process", function()
    local gate = os.tmpname()
    local pipe = io.popen(("exec %s calls %s 10"):format(SPINNER, gate))
    local arguments = ("-u -T -i 0.2 -p %s %s:call*"):format(pipe:read("*l"), SPINNER)
    local banner = ("Tracing 1 functions for '%s:call*'"):format(SPINNER)
    tools.with("funclatency", arguments, { banner = banner }, function(tool)
      local before = os.time()
      support.sh(SPINNER .. " calls /none 2") -- not that one
      os.remove(gate)
      pipe:close()
      local function counted()
        local sum = 0
        for count in tool:out():gmatch(" usecs, count: (%d+)\n") do sum = sum + count end
        return sum
      end
      tools.wait_for("ten calls", function() return counted() >= 10 end)
      expect.equal(tool:stop(), 0)
      expect.equal(counted(), 10)
      local times = 0
      for _, line in ipairs(tool:lines()) do
        if tools.clock_since(before - 2)[line] then times = times + 1 end
      end
      expect.truthy(times >= 2, "times of day: " .. times)
    end)
  end)

  tools.it_on_host("gives JSON and CSV", function()
    local out = run("--json " .. SPINNER .. ":called", "calls /none 3").out
    expect.truthy(out:find('^{"data":%[.-],"type":"hist","unit":"nsecs"}\n'
      .. '{"avg":%d+,"count":3,"total":%d%d%d%d%d%d%d%d+,"type":"average",'
      .. '"unit":"nsecs"}\n$'), out)
    out = run("--csv -u -F " .. SPINNER .. ":called", "calls /none 3").out
    expect.truthy(out:find("^Function,min,max,count\ncalled,%d+,%d+,[123]\n"), out)
  end)

  it("tells functions apart", function()
    local seen = able(measure("-F -r '" .. SPINNER .. ":(called|nested)'",
                              "calls /none 3", "Function = called"))
    expect.equal({ seen.count, from(seen, 16), seen.all }, { 3, 3, 3 })
  end)

  it("times functions of the kernel", function()
    local seen = able(measure("hrtimer_nanosleep", "calls /none 7"))
    expect.equal({ seen.count, from(seen, 16) }, { 7, 7 })
    expect_total(seen, 7 * SLEEP)
  end)

  it("times functions of the kernel by fentry and fexit", function()
    local seen = able(measure("fentry:hrtimer_nanosleep", "calls /none 7"))
    expect.equal({ seen.count, from(seen, 16) }, { 7, 7 })
    expect_total(seen, 7 * SLEEP)
    local _, several = measure("'fentry:vfs_fsync*'", "calls /none 1")
    expect.equal(several.code, 2)
    expect.truthy(several.err:find("fentry is for one function at a time, not for 2", 1,
                                   true), several.err)
  end)

  it("times functions of the kernel by pattern", function()
    local seen = able(measure("-F 'hrtimer_nanos*'", "calls /none 7",
                              "Function = hrtimer_nanosleep"))
    expect.truthy(seen.count >= 7 and from(seen, 16) >= 7, "calls " .. seen.count)
  end)

  it("refuses what takes no time", function()
    local result = support.sh(tools.command("funclatency", "t:sched:sched_switch"))
    expect.equal({ result.code, result.out }, { 2, "" })
    expect.truthy(result.err:find("a tracepoint takes no time", 1, true), result.err)
  end)
end)
