-- opensnoop: every column, flag and form of output, against opens that the spec makes.
local ffi = require "ffi"
local support = require "support"
local tools = require "tool"

local OTHER_UID = 4242
local HEADER = "PID    COMM               FD ERR PATH"
local O_WRONLY, O_CREAT, O_TRUNC = 1, 0x40, 0x200
local O_CLOEXEC = 0x80000
local O_DIRECTORY = ffi.arch == "arm64" and 0x4000 or 0x10000

--- The folder that the running test opens files in.
local folder

local function in_folder(fn)
  folder = support.sh("d=$(mktemp -d); chmod 755 $d; echo hi >$d/file; echo $d").out
    :match("%S+")
  local ok, err = pcall(fn)
  support.sh("rm -r " .. folder)
  if not ok then error(err, 0) end
end

--- Runs `open` of actor.lua; its process id and the results in order.
local function act(words)
  local result = support.sh(tools.actor("open " .. words))
  local pid, results = result.out:match("^(%d+) %d+\n(.*)$"), {}
  assert(pid, result.out .. result.err)
  for value in result.out:gmatch("\n(%-?%d+)") do
    results[#results + 1] = tonumber(value)
  end
  return tonumber(pid), results
end

local function row(pid, result, path, flags)
  return ("%-6d %-16s %4d %3d %s%s"):format(pid, "ebpf-lua", math.max(result, -1),
    result < 0 and -result or 0, flags and ("%08o "):format(flags) or "", path)
end

--- The rows of a process that show the test's folder (or `text`), once there are `count`.
local function rows_of(tool, pid, count, text)
  return tool:wait_lines(function(line)
    return line:find("%f[%d]" .. pid .. "%f[%D]") and line:find(text or folder, 1, true)
  end, count)
end

describe("opensnoop", function()
  tools.common_tests("opensnoop", {
    all = { "-T", "-t", "-x", "-u <UID>", "-U", "-n <NAME>", "-p <PID>", "--tid", "-e",
            "-d <SECONDS>", "--json", "--csv" },
    mistakes = {
      ["-Z"] = "unknown option '-Z'", ["-u nobody-here"] = "no user 'nobody-here'",
      ["-p self"] = "'self' is not a whole number", ["-n"] = "option '-n'",
      ["-d 0"] = "'0' is not a positive number of seconds",
      ["extra"] = "too many arguments",
      ["--json --csv"] = "--json and --csv exclude each other",
    },
  })

  it("shows process, command, descriptor, error and path", function()
    in_folder(function()
      tools.with("opensnoop", "", {}, function(tool)
        expect.equal(tool:lines()[1], HEADER)
        local calls = {
          ("openat %s/file 0"):format(folder), ("openat2 %s/none 0"):format(folder),
          ("openat %s/file/x 0"):format(folder),
          ("openat2 %s/new %d"):format(folder, O_WRONLY + O_CREAT),
          ("openat %s %d"):format(folder, O_WRONLY),
          ("openat %s/a$'\\n\\e[2J'b 0"):format(folder),
        }
        local pid, results = act("0 " .. table.concat(calls, " "))
        expect.truthy(results[1] > 2 and results[4] > 2, "descriptors")
        expect.equal(results, { results[1], -2, -20, results[4], -21, -2 })
        expect.equal(rows_of(tool, pid, 6), {
          row(pid, results[1], folder .. "/file"), row(pid, -2, folder .. "/none"),
          row(pid, -20, folder .. "/file/x"), row(pid, results[4], folder .. "/new"),
          row(pid, -21, folder), row(pid, -2, folder .. "/a\\n\\x1b[2Jb"),
        })
      end)
    end)
  end)

  it("sees open() where the architecture has it", function()
    if ffi.arch ~= "x64" then skip("no open() on " .. ffi.arch) end
    in_folder(function()
      tools.with("opensnoop", "", {}, function(tool)
        local pid, results =
          act(("0 open %s/file 0 open %s/none 0"):format(folder, folder))
        expect.equal(rows_of(tool, pid, 2), { row(pid, results[1], folder .. "/file"),
                                              row(pid, -2, folder .. "/none") })
      end)
    end)
  end)

  it("shows flags, long paths and pointers that lead nowhere", function()
    in_folder(function()
      tools.with("opensnoop", "-e", {}, function(tool)
        expect.equal(tool:lines()[1], "PID    COMM               FD ERR FLAGS    PATH")
        local flags = O_WRONLY + O_CREAT + O_TRUNC + O_CLOEXEC
        local deep = folder .. ("/" .. ("d"):rep(99)):rep(30)
        local words = "0 openat %s/a %d openat2 %s/file %d openat %s 0 bad x %d"
        local pid, results =
          act(words:format(folder, flags, folder, O_DIRECTORY, deep, O_CLOEXEC))
        expect.equal({ results[2], results[3], results[4] }, { -20, -2, -14 })
        expect.equal(rows_of(tool, pid, 3), {
          row(pid, results[1], folder .. "/a", flags),
          row(pid, -20, folder .. "/file", O_DIRECTORY), row(pid, -2, deep, 0),
        })
        expect.equal(rows_of(tool, pid, 1, " 14 "), { row(pid, -14, "", O_CLOEXEC) })
      end)
    end)
  end)

  tools.it_on_host("shows time of day, seconds and user", function()
    in_folder(function()
      local before = os.time()
      tools.with("opensnoop", "-T -t -U", {}, function(tool)
        expect.equal(tool:lines()[1], "TIME     TIME(s)       UID   " .. HEADER)
        local pid, results = act(("%d openat %s/file 0"):format(OTHER_UID, folder))
        local line = rows_of(tool, pid)[1]
        local time, seconds, rest =
          line:match("^(%S+) (%d+%.%d%d%d%d%d%d%d%d%d) +(4242 .*)$")
        expect.truthy(tools.clock_since(before)[time], line)
        seconds = tonumber(seconds)
        expect.truthy(seconds > 0 and seconds <= os.time() - before + 1, line)
        expect.equal(rest, "4242  " .. row(pid, results[1], folder .. "/file"))
      end)
    end)
  end)

  it("filters by result, user, name, process and thread", function()
    in_folder(function()
      local both = ("openat %s/file 0 openat %s/none 0 openat %s/last 0")
        :format(folder, folder, folder)
      tools.with("opensnoop", "-x", {}, function(tool)
        local pid = act("0 " .. both)
        expect.equal(rows_of(tool, pid, 2), { row(pid, -2, folder .. "/none"),
                                              row(pid, -2, folder .. "/last") })
      end)
      support.sh(("chmod 600 %s/file"):format(folder))
      tools.with("opensnoop", "-u " .. OTHER_UID, {}, function(tool)
        local root = act("0 " .. both)
        local pid = act(OTHER_UID .. " " .. both)
        expect.equal(rows_of(tool, pid, 3)[1], row(pid, -13, folder .. "/file"))
        expect.truthy(not tool:out():find("\n" .. root .. " "), "root's opens")
      end)
      tools.with("opensnoop", "-n bpf-l", {}, function(tool)
        support.sh("cat " .. folder .. "/file") -- by cat
        local pid = act("0 " .. both)
        rows_of(tool, pid, 3)
        expect.truthy(not tool:out():find(" cat ", 1, true), "cat's opens")
      end)
      for _, option in ipairs { "-p ", "--tid " } do
        tools.with("opensnoop", option .. support.pid, {}, function(tool)
          local pid = act("0 " .. both)
          io.open(folder .. "/own")
          expect.equal(#rows_of(tool, support.pid, 1, folder .. "/own"), 1)
          expect.truthy(not tool:out():find("\n" .. pid .. " "), "opens of others")
        end)
      end
    end)
  end)

  tools.it_on_host("gives JSON and CSV", function()
    in_folder(function()
      local options = { warm_up = "cat /dev/null" }
      tools.with("opensnoop", "--json -U -e", options, function(tool)
        local pid, results = act(([[0 openat %s/file 0 openat %s/'a"b' %d]])
          :format(folder, folder, O_CLOEXEC))
        local form = '{"uid":0,"pid":%d,"comm":"ebpf-lua","fd":%d,"err":%d,"flags":%d,'
          .. '"path":"%s"}'
        expect.equal(rows_of(tool, pid, 2), {
          form:format(pid, results[1], 0, 0, folder .. "/file"),
          form:format(pid, -1, 2, O_CLOEXEC, folder .. '/a\\"b'),
        })
      end)
      tools.with("opensnoop", "--csv -T -t", {}, function(tool)
        expect.equal(tool:lines()[1], "time,seconds,pid,comm,fd,err,path")
        local pid, results = act(("0 openat %s/file 0"):format(folder))
        expect.equal(rows_of(tool, pid)[1]:match("^[%d:]+,[%d.]+,(.*)$"),
                     ("%d,ebpf-lua,%d,0,%s/file"):format(pid, results[1], folder))
      end)
    end)
  end)

  tools.it_on_host("says how many events were lost", function()
    in_folder(function()
      tools.with("opensnoop", "", {}, function(tool)
        tool:signal("STOP")
        local path = folder .. ("/" .. ("d"):rep(99)):rep(36)
        local result = support.sh(tools.actor("open_many 1000 " .. path))
        local pid = result.out:match("^(%d+)")
        tool:signal("CONT")
        expect.equal(tool:stop(), 0)
        local lost =
          tonumber(tool:err():match("ebpf%-lua: lost: events (%d+)"))
        local shown = #rows_of(tool, pid)
        expect.truthy(lost and lost >= 500 and shown > 100, tool:err())
        expect.truthy(shown + lost >= 1000, ("%d shown, %d lost"):format(shown, lost))
      end)
    end)
  end)
end)
