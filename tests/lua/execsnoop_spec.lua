-- execsnoop: every column, flag and form of output, against execs that the spec makes.
local support = require "support"
local tools = require "tool"

local OTHER_UID = 4242
local TRUE = support.sh("type -P true").out:match("%S+")
local HEADER = "PCOMM            PID     PPID    RET ARGS"

local function row(comm, pid, ppid, ret, args)
  return ("%-16s %-7d %-7d %3d %s"):format(comm, pid, ppid, ret, args)
end

--- Runs actor.lua in a process of its own; its ids and what it printed last.
local function act(words)
  local result = support.sh(tools.actor(words) .. "; true") -- else the shell becomes it
  local out = result.out
  local pid, ppid = out:match("^(%d+) (%d+)")
  assert(pid, out .. result.err)
  return tonumber(pid), tonumber(ppid), out:match("\n(%-%d+) %d+\n$")
end

--- The rows of a process, but for those of the shells and of actor.lua's own start.
local function lines_of(tool, pid, count)
  return tool:wait_lines(function(line)
    return line:find("%f[%d]" .. pid .. "%f[%D]") and not line:find("actor.lua", 1, true)
  end, count)
end

--- The row of the exec that actor.lua makes.
local function exec_row(tool, words)
  local pid, ppid = act(words)
  local lines = lines_of(tool, pid)
  expect.equal(#lines, 1)
  return lines[1], pid, ppid
end

describe("execsnoop", function()
  tools.common_tests("execsnoop", {
    all = { "-T", "-t", "-x", "-u <UID>", "-U", "-n <NAME>", "-l <LINE>", "-P <PPID>",
            "-q", "--max-args", "-d <SECONDS>", "--json", "--csv" },
    mistakes = {
      ["-Z"] = "unknown option '-Z'", ["-u nobody-here"] = "no user 'nobody-here'",
      ["--max-args few"] = "'few' is not a whole number", ["-n"] = "option '-n'",
      ["-d never"] = "'never' is not a positive number of seconds",
      ["--json --csv"] = "--json and --csv exclude each other",
      ["extra"] = "too many arguments",
    },
  })

  it("shows command, process, parent, result and arguments", function()
    tools.with("execsnoop", "", {}, function(tool)
      expect.equal(tool:lines()[1], HEADER)
      local line, pid, ppid = exec_row(tool, ("exec 0 %s %s one two"):format(TRUE, TRUE))
      expect.equal(line, row("true", pid, ppid, 0, TRUE .. " one two"))
      line, pid, ppid = exec_row(tool, ("exec 0 %s other-name ''  'b c' ''"):format(TRUE))
      expect.equal(line, row("true", pid, ppid, 0, "other-name  b c "))
      line, pid, ppid = exec_row(tool, ("exec 0 %s a $'x\\n\\e[2J\\ty'"):format(TRUE))
      expect.equal(line, row("true", pid, ppid, 0, [[a x\n\x1b[2J\ty]]))
    end)
  end)

  tools.it_on_host("shows time of day, seconds, user and quotes", function()
    local before = os.time()
    tools.with("execsnoop", "-T -t -U -q", {}, function(tool)
      expect.equal(tool:lines()[1], "TIME     TIME(s) UID   " .. HEADER)
      local line, pid, ppid =
        exec_row(tool, ([[exec %d %s a '' 'b "c" \d']]):format(OTHER_UID, TRUE))
      local time, seconds, rest = line:match("^(%S+) (%d+%.%d%d%d) +(4242  .*)$")
      expect.truthy(tools.clock_since(before)[time], line)
      seconds = tonumber(seconds)
      expect.truthy(seconds > 0 and seconds <= os.time() - before + 1, line)
      expect.equal(rest, "4242  " .. row("true", pid, ppid, 0, [["a" "" "b \"c\" \\d"]]))
    end)
  end)

  it("shows failed execs with -x only", function()
    local folder = support.sh("mktemp -d").out:match("%S+")
    support.sh(("cd %s && touch plain && printf garbage >bad && chmod 755 bad")
               :format(folder))
    local failures = {
      ["/nonexistent/tool"] = "-2", [folder .. "/plain"] = "-13",
      [folder .. "/bad"] = "-8", [folder .. "/plain/x"] = "-20", [folder] = "-13",
    }
    tools.with("execsnoop", "-x", {}, function(tool)
      for path, code in pairs(failures) do
        local pid, ppid, result = act(("exec 0 %s name '' 'a b'"):format(path))
        expect.equal(result, code)
        expect.equal(lines_of(tool, pid)[1],
                     row("ebpf-lua", pid, ppid, tonumber(code), path .. "  a b"))
      end
      local line, pid, ppid = exec_row(tool, ("exec 0 %s good"):format(TRUE))
      expect.equal(line, row("true", pid, ppid, 0, "good"))
    end)
    tools.with("execsnoop", "", {}, function(tool)
      local failed = act("exec 0 /nonexistent x")
      exec_row(tool, ("exec 0 %s last"):format(TRUE))
      for _, line in ipairs(tool:lines()) do
        local own = line:find("%f[%d]" .. failed .. "%f[%D]")
        expect.truthy(not own or line:find("actor.lua", 1, true), line)
      end
    end)
    support.sh("rm -r " .. folder)
  end)

  it("sees execveat, relative to a descriptor too", function()
    local folder, name = TRUE:match("^(.*)/([^/]+)$")
    tools.with("execsnoop", "-x", {}, function(tool)
      local line, pid, ppid =
        exec_row(tool, ("execat %s %s first second"):format(folder, name))
      expect.equal(line:match("^%S+ +(.*)$"), row("", pid, ppid, 0, "first second")
                   :match("^ +(.*)$"))
      line, pid, ppid = exec_row(tool, ("execat %s '' by-descriptor x"):format(TRUE))
      expect.equal(line:match("^%S+ +(.*)$"), row("", pid, ppid, 0, "by-descriptor x")
                   :match("^ +(.*)$"))
      line, pid, ppid = exec_row(tool, ("execat %s missing name x"):format(folder))
      expect.equal(line, row("ebpf-lua", pid, ppid, -2, "missing x"))
    end)
  end)

  it("marks what it cuts", function()
    local words = {}
    for i = 1, 30 do words[i] = tostring(i) end
    local all = table.concat(words, " ")
    local twenty = table.concat(words, " ", 1, 20) .. " ..."
    tools.with("execsnoop", "-x", {}, function(tool)
      local line = exec_row(tool, ("exec 0 %s %s"):format(TRUE, all))
      expect.equal(line:match("%s0 (.*)"), twenty)
      line = exec_row(tool, "exec 0 /none 0 " .. all)
      expect.equal(line:match("%-2 (.*)"),
                   "/none " .. table.concat(words, " ", 1, 19) .. " ...")
      line = exec_row(tool, ("exec 0 %s a @5000 b"):format(TRUE))
      expect.equal(line:match("%s0 (.*)"), "a " .. ("x"):rep(4094) .. " ...")
      line = exec_row(tool, "exec 0 /none a @5000 b")
      expect.equal(line:match("%-2 (.*)"), "/none " .. ("x"):rep(4090) .. " ...")
      line = exec_row(tool, ("exec 0 %s @300 @3000"):format(TRUE)) -- long, but whole
      local long = ("x"):rep(300) .. " " .. ("x"):rep(3000)
      expect.equal(line:match("%s0 (.*)"), long)
      line = exec_row(tool, "exec 0 /none a @300 @3000")
      expect.equal(line:match("%-2 (.*)"), "/none " .. long)
    end)
    tools.with("execsnoop", "--max-args 3 -q", {}, function(tool)
      local line = exec_row(tool, ("exec 0 %s a b c"):format(TRUE))
      expect.equal(line:match("%s0 (.*)"), '"a" "b" "c"')
      line = exec_row(tool, ("exec 0 %s a b c d"):format(TRUE))
      expect.equal(line:match("%s0 (.*)"), '"a" "b" "c" ...')
    end)
  end)

  it("filters by user, name, line and parent", function()
    tools.with("execsnoop", "-x -u " .. OTHER_UID, {}, function(tool)
      local root = act(("exec 0 %s root"):format(TRUE))
      local pid = act(("exec %d %s user"):format(OTHER_UID, TRUE))
      expect.equal(#lines_of(tool, pid), 1)
      pid = act(("exec %d /none user"):format(OTHER_UID))
      expect.equal(#lines_of(tool, pid), 1)
      expect.truthy(not tool:out():find("%f[%d]" .. root .. "%f[%D]"), "no root")
    end)
    tools.with("execsnoop", "-n ru", {}, function(tool)
      local pid = act(("exec 0 %s x"):format(TRUE))
      expect.equal(#lines_of(tool, pid), 1) -- not actor.lua's own start
    end)
    tools.with("execsnoop", "-l needle", {}, function(tool)
      act(("exec 0 %s hay"):format(TRUE))
      local pid = act(("exec 0 %s a-needle-b"):format(TRUE))
      expect.equal(lines_of(tool, pid)[1]:match("%s0 (.*)"), "a-needle-b")
      expect.truthy(not tool:out():find("hay", 1, true), "only lines with the needle")
    end)
    tools.with("execsnoop", "-P " .. support.pid, {}, function(tool)
      local pid = act(("exec 0 %s grandchild"):format(TRUE))
      os.execute(TRUE .. " child") -- by sh, whose parent is this process
      tool:wait_lines(" " .. support.pid .. " ")
      expect.truthy(not tool:out():find("%f[%d]" .. pid .. "%f[%D]"), "children only")
    end)
  end)

  tools.it_on_host("gives JSON and CSV", function()
    local warm_up = TRUE
    tools.with("execsnoop", "--json -x -U", { warm_up = warm_up }, function(tool)
      local line, pid, ppid = exec_row(tool, ([[exec 0 %s a '' 'b "c' '']]):format(TRUE))
      expect.equal(line, ('{"uid":0,"pcomm":"true","pid":%d,"ppid":%d,"ret":0,'
        .. [["args":"a  b \"c ","argv":["a","","b \"c",""]}]]):format(pid, ppid))
      line, pid, ppid = exec_row(tool, "exec 4242 /none a b")
      expect.equal(line, ('{"uid":4242,"pcomm":"ebpf-lua","pid":%d,"ppid":%d,"ret":-2,'
        .. '"args":"/none b","argv":["/none","b"]}'):format(pid, ppid))
    end)
    tools.with("execsnoop", "--csv -T -t", {}, function(tool)
      expect.equal(tool:lines()[1], "time,seconds,pcomm,pid,ppid,ret,args,argv")
      local line, pid, ppid = exec_row(tool, ([[exec 0 %s a 'b,c']]):format(TRUE))
      expect.equal(line:match("^[%d:]+,[%d.]+,(.*)$"),
        ([[true,%d,%d,0,"a b,c","[""a"",""b,c""]"]]):format(pid, ppid))
    end)
  end)

  tools.it_on_host("says how many events were lost", function()
    tools.with("execsnoop", "-x", {}, function(tool)
      tool:signal("STOP")
      local pid = act("exec_many 600 4000")
      tool:signal("CONT")
      expect.equal(tool:stop(), 0)
      local lost = tool:err():match("ebpf%-lua: lost: events (%d+)")
      expect.truthy(lost, tool:err())
      local shown = lines_of(tool, pid)
      expect.truthy(tonumber(lost) >= 300 and #shown > 100, ("%s lost"):format(lost))
      local failed = 0
      for _, line in ipairs(shown) do
        if line:find(" -2 /nonexistent xxx", 1, true) then failed = failed + 1 end
      end
      expect.truthy(failed + lost >= 600, ("%d shown, %s lost"):format(failed, lost))
    end)
  end)
end)
