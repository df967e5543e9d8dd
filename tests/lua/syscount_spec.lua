-- syscount: counts of calls that the spec makes, by call and by process, and their time.
local support = require "support"
local tools = require "tool"

local BANNER = "Counting system calls"
local NONE = { banner = BANNER }

--- Runs the tool over `calls` getppid calls of one process; its lines at the end. "%d" in
--- `arguments` is that process.
local function lines_of(arguments, calls)
  local caller = tools.caller(calls)
  local lines, pid
  tools.with("syscount", arguments:format(caller.pid), NONE, function(tool)
    caller.run()
    expect.equal(tool:stop(), 0)
    lines, pid = tool:lines(), caller.pid
  end)
  return lines, pid
end

local function row_of(lines, word)
  for _, line in ipairs(lines) do
    if line:find("%f[%w_]" .. word .. "%f[^%w_]") then return line end
  end
  error("no row of " .. word .. ":\n" .. table.concat(lines, "\n"))
end

describe("syscount", function()
  tools.common_tests("syscount", {
    banner = BANNER,
    all = { "-p <PID>", "-t <TID>", "-c <PPID>", "-i <SECONDS>", "-T <TOP>", "-x",
            "-e <ERRNO>", "-L", "-m", "-P", "-l", "--syscall <SYSCALL>", "-d <SECONDS>",
            "--json", "--csv" },
    mistakes = {
      ["-Z"] = "unknown option '-Z'", ["-p self"] = "'self' is not a whole number",
      ["-e EWRONG"] = "no error 'EWRONG'", ["--syscall none"] = "no system call 'none'",
      ["-T 0"] = "'0' is not a whole number above 0", ["extra"] = "too many arguments",
    },
  })

  it("counts calls exactly", function()
    local before = os.time()
    local lines = lines_of("-p %d", 12345)
    expect.truthy(tools.clock_since(before)[lines[1]], lines[1])
    expect.equal(lines[2], "SYSCALL                   COUNT")
    expect.equal(lines[3], "getppid                   12345")
    expect.truthy(#lines <= 12, #lines .. " lines")
  end)

  it("counts by process", function()
    local lines, pid = lines_of("-P --syscall getppid -p %d", 777)
    expect.equal(lines[2], "PID    COMM               COUNT")
    expect.equal(lines[3], ("%-6d %-15s %8d"):format(pid, "ebpf-lua", 777))
    expect.equal(#lines, 3)
  end)

  it("adds up the time of calls", function()
    tools.with("syscount", "-L -P --syscall clock_nanosleep", NONE, function(tool)
      local pid = support.sh("sleep 0.3 & echo $!; wait; sleep 0.01; sleep 0.01").out
        :match("%d+")
      expect.equal(tool:stop(), 0)
      expect.equal(tool:lines()[2], "PID    COMM               COUNT         TIME(us)")
      local comm, count, time =
        row_of(tool:lines(), pid):match("^%d+ +(%S+) +(%d+) +(%d+%.%d%d%d)$")
      expect.equal({ comm, count }, { "sleep", "1" })
      time = tonumber(time)
      expect.truthy(time >= 300000 and time < 20e6 * support.patience, time)
    end)
    tools.with("syscount", "-L -m --json --syscall clock_nanosleep", NONE, function(tool)
      support.sh("sleep 0.2; sleep 0.2")
      expect.equal(tool:stop(), 0)
      local count, time =
        tool:out():match('{"syscall":"clock_nanosleep","count":(%d+),"time_ms":([%d.]+)}')
      expect.truthy(tonumber(count) >= 2 and tonumber(time) >= 400, tool:out())
    end)
  end)

  it("counts failures, and one error", function()
    local folder = support.sh("mktemp -d").out:match("%S+")
    local opens = ("openat %s 0 "):format(folder)
      .. ("openat %s/a 0 "):format(folder):rep(7)
      .. ("openat %s 1 "):format(folder):rep(3) -- EISDIR
    for arguments, wanted in pairs {
      ["-x"] = 10, ["-e ENOENT"] = 7, ["-e 21"] = 3, [""] = 11,
    } do
      tools.with("syscount", "-P --json --syscall openat -T 1000 " .. arguments, NONE,
                 function(tool)
        local pid = tools.act("open 0 " .. opens)
        expect.equal(tool:stop(), 0)
        local count = row_of(tool:lines(), pid):match('"count":(%d+)')
        local more = tonumber(count) - wanted -- the program's start opens files too
        expect.truthy(arguments == "-e 21" and more == 0
                      or more >= 0 and more < 200, arguments .. ": " .. count)
      end)
    end
    support.sh("rmdir " .. folder)
  end)

  it("filters by thread and by parent", function()
    expect.equal(lines_of("-t %d --syscall getppid", 50)[3],
                 "getppid                      50")
    local caller = tools.caller(60)
    local arguments = ("-c %d -P -T 1000 --syscall getppid"):format(support.pid)
    tools.with("syscount", arguments, NONE, function(tool)
      caller.run()
      local gate = support.sh("mktemp -d").out:match("%S+") .. "/none"
      local other = tools.act("getppid 5 " .. gate) -- the child of a shell
      expect.equal(tool:stop(), 0)
      expect.equal(row_of(tool:lines(), caller.pid),
                   ("%-6d %-15s %8d"):format(caller.pid, "ebpf-lua", 60))
      expect.truthy(not tool:out():find("\n" .. other .. " "), "a grandchild's calls")
      support.sh("rm -r " .. gate:match("^(.*)/"))
    end)
  end)

  tools.it_on_host("prints every interval what was added in it", function()
    local caller = tools.caller(1000)
    tools.with("syscount", ("-i 0.5 -p %d --syscall getppid"):format(caller.pid), NONE,
               function(tool)
      tool:wait_lines("^SYSCALL", 2)
      caller.run()
      tool:wait_lines("^getppid")
      tool:wait_lines("^SYSCALL", #tool:wait_lines("^SYSCALL") + 2)
      expect.equal(tool:stop(), 0)
      local sum = 0
      for _, line in ipairs(tool:lines()) do
        sum = sum + (tonumber(line:match("^getppid +(%d+)$")) or 0)
      end
      expect.equal(sum, 1000)
    end)
  end)

  tools.it_on_host("lists calls, and gives CSV", function()
    local list = support.sh(tools.command("syscount", "-l --csv")).out
    expect.truthy(list:find("\n39,getpid\n") or list:find("\n172,getpid\n"), "getpid")
    local lines = lines_of("--csv -p %d --syscall getppid", 3)
    expect.equal(lines, { "syscall,count", "getppid,3" })
  end)
end)
