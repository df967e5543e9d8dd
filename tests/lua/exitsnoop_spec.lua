-- exitsnoop: every column, flag and form of output, against ends that the spec makes.
local support = require "support"
local tools = require "tool"

local HEADER = "PCOMM            PID     PPID    TID     AGE(s)  EXIT_CODE"

--- A row in parts: what stands before the age, the age, the reason.
local function parts_of(line)
  local ids, age, reason = line:match("^(%S+ +%d+ +%d+ +%d+ +)(%d+%.%d%d) +(.*)$")
  expect.truthy(ids, "a row: " .. line)
  return ids, tonumber(age), reason
end

local function ids(comm, pid, ppid, tid)
  return ("%-16s %-7d %-7d %-7d "):format(comm, pid, ppid, tid or pid)
end

describe("exitsnoop", function()
  tools.common_tests("exitsnoop", {
    all = { "-T", "-t", "-x", "-p <PID>", "--per-thread", "-d <SECONDS>", "--json",
            "--csv" },
    mistakes = {
      ["-Z"] = "unknown option '-Z'", ["-p self"] = "'self' is not a whole number",
      ["-p"] = "option '-p'", ["extra"] = "too many arguments",
    },
  })

  it("shows command, process, parent, thread, age and code", function()
    tools.with("exitsnoop", "", {}, function(tool)
      expect.equal(tool:lines()[1], HEADER)
      local before = os.time()
      for _, code in ipairs { 0, 1, 255 } do
        local pid, ppid = tools.act("exit " .. code)
        local lines = tool:rows_of(pid)
        expect.equal(#lines, 1)
        local who, age, reason = parts_of(lines[1])
        expect.equal(who, ids("ebpf-lua", pid, ppid))
        expect.truthy(age >= 0 and age <= os.time() - before + 1, lines[1])
        expect.equal(reason, code == 0 and "0" or "code " .. code)
      end
    end)
  end)

  it("shows the age of a process that has slept", function()
    tools.with("exitsnoop", "", {}, function(tool)
      local pid = support.sh("sleep 0.5 & echo $!; wait").out:match("%d+")
      local _, age = parts_of(tool:rows_of(pid)[1])
      expect.truthy(age >= 0.5 and age < 20 * support.patience, "age " .. age)
    end)
  end)

  it("names the signal", function()
    tools.with("exitsnoop", "", {}, function(tool)
      for name, shown in pairs { KILL = "signal 9 (KILL)", TERM = "signal 15 (TERM)",
                                 RTMIN = "signal 34 (RTMIN+0)" } do
        local pid = support.sh(("sleep 100 & kill -%s $!; echo $!; wait"):format(name))
          .out:match("%d+")
        local _, _, reason = parts_of(tool:rows_of(pid)[1])
        expect.equal(reason, shown)
      end
    end)
  end)

  it("shows only failures with -x", function()
    tools.with("exitsnoop", "-x", {}, function(tool)
      local good = tools.act("exit 0")
      local bad = tools.act("exit 3")
      tool:rows_of(bad)
      expect.truthy(not tool:out():find("%f[%d]" .. good .. "%f[%D]"), "no exit 0")
    end)
  end)

  it("shows a process once, when its last thread ends, and threads when asked", function()
    tools.with("exitsnoop", "", {}, function(tool)
      local pid, ppid = tools.act("threads 5")
      local result = support.sh(tools.actor("leader_first 7") .. "; echo $?")
      local first, status = result.out:match("^(%d+) %d+\n(%d+)\n$")
      tool:rows_of(first)
      expect.equal(#tool:rows_of(pid), 1)
      expect.equal((parts_of(tool:rows_of(pid)[1])), ids("ebpf-lua", pid, ppid))
      local _, age, reason = parts_of(tool:rows_of(first)[1])
      expect.truthy(age >= 0.2, "the last thread's end")
      -- What the parent is told: the 7, or libc's exit_group(0) by the last thread.
      expect.equal(reason, status == "0" and "0" or "code " .. status)
    end)
    tools.with("exitsnoop", "--per-thread", {}, function(tool)
      local pid = tools.act("threads 5")
      local lines, threads = tool:rows_of(pid, 6), {}
      expect.equal(#lines, 6)
      for _, line in ipairs(lines) do
        threads[line:match("^%S+ +%d+ +%d+ +(%d+)")] = true
      end
      local count = 0
      for _ in pairs(threads) do count = count + 1 end
      expect.equal({ count, threads[tostring(pid)] }, { 6, true })
    end)
  end)

  it("filters by process", function()
    local pid = support.sh("sleep 100 >/dev/null 2>&1 & echo $!").out:match("%d+")
    tools.with("exitsnoop", "-p " .. pid, {}, function(tool)
      tools.act("exit 1")
      support.sh("kill " .. pid)
      tool:rows_of(pid)
      expect.equal(#tool:lines(), 2)
    end)
  end)

  tools.it_on_host("shows time of day and seconds, and gives JSON and CSV", function()
    local before = os.time()
    tools.with("exitsnoop", "-T -t", {}, function(tool)
      expect.equal(tool:lines()[1], "TIME     TIME(s)   " .. HEADER)
      local pid, ppid = tools.act("exit 2")
      local time, seconds, rest =
        tool:rows_of(pid)[1]:match("^(%S+) (%d+%.%d%d%d%d%d%d) +(%a.*)$")
      expect.truthy(tools.clock_since(before)[time], time)
      expect.truthy(tonumber(seconds) <= os.time() - before + 1, seconds)
      expect.equal((parts_of(rest)), ids("ebpf-lua", pid, ppid))
    end)
    tools.with("exitsnoop", "--json", { warm_up = "true" }, function(tool)
      local pid, ppid = tools.act("exit 2")
      local line = tool:rows_of(pid)[1]:gsub('"age":[%d.e-]+', '"age":A')
      expect.equal(line, ('{"pcomm":"ebpf-lua","pid":%d,"ppid":%d,"tid":%d,"age":A,'
        .. '"code":2,"signal":0,"core":false}'):format(pid, ppid, pid))
    end)
    tools.with("exitsnoop", "--csv", {}, function(tool)
      expect.equal(tool:lines()[1], "pcomm,pid,ppid,tid,age,code,signal,core")
      local pid, ppid = tools.act("exit 2")
      local line = tool:rows_of(pid)[1]:gsub(",[%d.e-]+,2,", ",A,2,")
      expect.equal(line, ("ebpf-lua,%d,%d,%d,A,2,0,false"):format(pid, ppid, pid))
    end)
  end)
end)
