-- funccount: calls of functions of programs of ours, of tracepoints, static probes and
-- kernel functions, counted to the last one.
local support = require "support"
local tools = require "tool"

local PROGRAMS = support.program:match("^(.*)/") .. "/"
local MANY, PROBES = PROGRAMS .. "many_functions", PROGRAMS .. "static_probes"

local function banner(count, pattern)
  return { banner = ("Tracing %d functions for '%s'"):format(count, pattern) }
end

--- The lines of the tool over one run of a command of its own.
local function lines_of(arguments, command)
  local result = support.sh(tools.command("funccount", ("-c %s %s")
    :format(support.quote(command .. " >/dev/null"), arguments)))
  if result.code ~= 0 then error(result.err) end
  local lines = {}
  for line in result.out:gmatch("[^\n]+") do lines[#lines + 1] = line end
  return lines
end

local function row(name, count) return ("%-36s %8d"):format(name, count) end

local HEADER = "FUNC                                    COUNT"

describe("funccount", function()
  tools.common_tests("funccount", {
    banner = "Tracing 1 functions for 't:sched:sched_process_exec'",
    arguments = "t:sched:sched_process_exec",
    all = { "-p <PID>", "-i <SECONDS>", "-T", "-r", "<pattern>", "-d <SECONDS>", "--json",
            "--csv" },
    mistakes = {
      ["-Z"] = "unknown option '-Z'", ["-p self"] = "'self' is not a whole number",
      ["-i 0"] = "'0' is not a positive number of seconds",
      ["extra"] = "too many arguments",
    },
  })

  it("counts functions of a program exactly, the busiest last", function()
    expect.equal(lines_of(MANY .. ":many_000?", "exec " .. MANY .. " 7")[1], HEADER)
    local lines = lines_of(("-r '%s:(many_002[34]|main)'"):format(MANY),
                           "exec " .. MANY .. " 250")
    expect.equal(lines, { HEADER, row("main", 1), row("many_0023", 250),
                          row("many_0024", 250) })
    lines = lines_of("--csv p:" .. MANY .. ":many_2499", "exec " .. MANY .. " 3")
    expect.equal(lines, { "func,count", "many_2499,3" })
  end)

  it("counts one process only", function()
    local folder = support.sh("mktemp -d").out:match("%S+")
    support.sh(("mkfifo %s/in"):format(folder))
    local input = assert(io.open(folder .. "/in", "r+"))
    local pid = support.sh(("%s 5 wait <%s/in >/dev/null & echo $!"):format(MANY, folder))
      .out:match("%d+")
    local arguments = ("-p %s %s:many_1000"):format(pid, MANY)
    tools.with("funccount", arguments, banner(1, MANY .. ":many_1000"), function(tool)
      support.sh(MANY .. " 30")
      input:write("go\n")
      input:flush()
      tools.wait_for("its end", function()
        return support.sh("kill -0 " .. pid).code ~= 0
      end)
      expect.equal(tool:stop(), 0)
      expect.equal(tool:lines(), { HEADER, row("many_1000", 5) })
    end)
    input:close()
    support.sh("rm -r " .. folder)
  end)

  it("counts tracepoints, by interval too", function()
    local caller = tools.caller(1234)
    local pattern = "t:syscalls:sys_enter_getpp?d"
    local arguments = ("-T -i 0.3 -p %d '%s'"):format(caller.pid, pattern)
    tools.with("funccount", arguments, banner(1, pattern), function(tool)
      local before = os.time()
      tool:wait_lines("^FUNC")
      caller.run()
      tool:wait_lines("^syscalls:sys_enter_getppid ")
      tool:wait_lines("^FUNC", #tool:wait_lines("^FUNC") + 2)
      expect.equal(tool:stop(), 0)
      local sum, times = 0, 0
      for _, line in ipairs(tool:lines()) do
        sum = sum + (tonumber(line:match("^syscalls:sys_enter_getppid +(%d+)$")) or 0)
        if tools.clock_since(before - 2)[line] then times = times + 1 end
      end
      expect.equal(sum, 1234)
      expect.equal(times, #tool:wait_lines("^FUNC"))
    end)
  end)

  it("counts static probes", function()
    local lines = lines_of("--json 'u:" .. PROBES .. ":t*'", "exec " .. PROBES .. " 11")
    expect.equal(lines, { '{"func":"ebl_test:text","count":11}',
                          '{"func":"ebl_test:twice","count":22}' })
  end)

  it("counts functions of the kernel", function()
    local caller = tools.caller(321)
    local pattern = "*_sys_getppid"
    local arguments = ("-p %d '%s'"):format(caller.pid, pattern)
    local able = support.sh(tools.command("funccount", arguments .. " -d 0.1"))
    if able.code == 3 or able.code == 4 then
      caller.run()
      skip(able.err:match("[^\n]+"))
    end
    local shown = able.err:match("^(Tracing %d+ functions)")
    tools.with("funccount", arguments, { banner = shown }, function(tool)
      caller.run()
      expect.equal(tool:stop(), 0)
      expect.truthy(tool:lines()[2]:find("_sys_getppid +321$"), tool:out())
    end)
  end)

  it("says which pattern is none, and what it did not find", function()
    for pattern, message in pairs {
      ["u:libc"] = "'u:libc' is no pattern of functions",
      ["t:nothing"] = "a tracepoint has two names",
      ["t:nothing:*"] = "no probe matches 'tracepoint:nothing:*'",
      ["no_such_lib:f"] = "no library and no program is called no_such_lib",
      [MANY .. ":few_*"] = "no probe matches",
      ["-r " .. MANY .. ":few_.*"] = "no name matches the regular expression 'few_",
      ["-r " .. MANY .. ":few_["] = "'few_[' is not a regular expression",
    } do
      local words = "-d 1 " .. pattern:gsub("%*", "\\*")
      local result = support.sh(tools.command("funccount", words))
      expect.equal(result.out, "")
      expect.truthy(result.code ~= 0 and result.code <= 4, words .. ": " .. result.code)
      expect.truthy(result.err:find(message, 1, true), words .. ": " .. result.err)
    end
  end)
end)
