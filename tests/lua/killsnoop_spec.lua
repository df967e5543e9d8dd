-- killsnoop: every column, flag and form of output, against signals that the spec sends.
local ffi = require "ffi"
local support = require "support"
local tools = require "tool"

ffi.cdef "int kill(int pid, int signal);"

local HEADER = "TIME      PID    COMM             SIG  TPID   RESULT"
local OTHER_UID = 4242
local GONE = 4194305 -- above the highest process id

local function row(pid, signal, target, result)
  return ("%-6d %-16s %-4d %-6d %d"):format(pid, "ebpf-lua", signal, target, result)
end

--- The rows of a sender without their time.
local function rows_of(tool, pid, count)
  local rows = tool:rows_of(pid, count)
  for i, line in ipairs(rows) do
    rows[i] = line:match("^%d%d:%d%d:%d%d  (%d.*)$") or "no time: " .. line
  end
  return rows
end

--- Calls `fn(pid)` with the id of a process that sleeps.
local function with_sleeper(fn)
  local pid = support.sh("sleep 1000 >/dev/null 2>&1 & echo $!").out:match("%d+")
  local ok, err = pcall(fn, tonumber(pid))
  support.sh("kill -KILL " .. pid)
  if not ok then error(err, 0) end
end

describe("killsnoop", function()
  tools.common_tests("killsnoop", {
    all = { "-x", "-p <PID>", "-T <TPID>", "-s <SIGNAL>", "-d <SECONDS>", "--json",
            "--csv" },
    mistakes = {
      ["-Z"] = "unknown option '-Z'", ["-p self"] = "'self' is not a whole number",
      ["-s NONE"] = "no signal 'NONE'", ["-T"] = "option '-T'",
      ["extra"] = "too many arguments",
    },
  })

  it("shows time, sender, signal, target and result", function()
    with_sleeper(function(target)
      local before = os.time()
      tools.with("killsnoop", "", {}, function(tool)
        expect.equal(tool:lines()[1], HEADER)
        local calls = "0 kill %d 0 tkill %d 28 tgkill %d 18 kill %d 65 kill %d 9"
        local pid, _, results =
          tools.act("kill " .. calls:format(target, target, target, target, GONE))
        expect.equal(results, { 0, 0, 0, -22, -3 })
        local time = tool:rows_of(pid, 5)[1]:match("^(%S+)")
        expect.truthy(tools.clock_since(before)[time], time)
        expect.equal(rows_of(tool, pid, 5), {
          row(pid, 0, target, 0), row(pid, 28, target, 0), row(pid, 18, target, 0),
          row(pid, 65, target, -22), row(pid, 9, GONE, -3),
        })
        pid = tools.act(("kill %d kill %d 15"):format(OTHER_UID, target))
        expect.equal(rows_of(tool, pid), { row(pid, 15, target, -1) })
      end)
    end)
  end)

  it("filters by result, sender, target and signal", function()
    with_sleeper(function(target)
      local calls =
        ("kill 0 kill %d 0 kill %d 28 kill -%d 28"):format(target, target, GONE)
      for options, wanted in pairs {
        ["-x"] = function(pid) return { row(pid, 28, -GONE, -3) } end,
        ["--tpid=-" .. GONE] = function(pid) return { row(pid, 28, -GONE, -3) } end,
        ["-T " .. target] = function(pid)
          return { row(pid, 0, target, 0), row(pid, 28, target, 0) }
        end,
        ["-s sigwinch"] = function(pid)
          return { row(pid, 28, target, 0), row(pid, 28, -GONE, -3) }
        end,
        ["-s 0"] = function(pid) return { row(pid, 0, target, 0) } end,
      } do
        tools.with("killsnoop", options, {}, function(tool)
          local first = tools.act(calls)
          local pid = tools.act(calls) -- when it is seen, all of the first is
          rows_of(tool, pid, #wanted(pid))
          expect.equal(rows_of(tool, first, #wanted(pid)), wanted(first))
        end)
      end
      tools.with("killsnoop", "-p " .. support.pid, {}, function(tool)
        local other = tools.act(calls)
        ffi.C.kill(target, 0)
        expect.equal(rows_of(tool, support.pid), { row(support.pid, 0, target, 0) })
        expect.truthy(not tool:out():find("%f[%d]" .. other .. "%f[%D]"), "one sender")
      end)
    end)
  end)

  tools.it_on_host("gives JSON and CSV", function()
    with_sleeper(function(target)
      local warm_up = "kill -0 $$"
      tools.with("killsnoop", "--json", { warm_up = warm_up }, function(tool)
        local pid = tools.act(("kill 0 tgkill %d 28"):format(target))
        local line = tool:rows_of(pid)[1]:gsub("%d%d:%d%d:%d%d", "T")
        expect.equal(line, ('{"time":"T","pid":%d,"comm":"ebpf-lua","sig":28,"tpid":%d,'
          .. '"result":0,"call":"tgkill"}'):format(pid, target))
      end)
      tools.with("killsnoop", "--csv", {}, function(tool)
        expect.equal(tool:lines()[1], "time,pid,comm,sig,tpid,result,call")
        local pid = tools.act(("kill 0 kill %d 9"):format(GONE))
        local line = tool:rows_of(pid)[1]:gsub("^%d%d:%d%d:%d%d", "T")
        expect.equal(line, ("T,%d,ebpf-lua,9,%d,-3,kill"):format(pid, GONE))
      end)
    end)
  end)
end)
