-- profile: the stacks of a program whose functions are known, in every form of output.
local ffi = require "ffi"
local support = require "support"
local tools = require "tool"

local BANNER = "Sampling at 49 Hertz"
local STACK = ";main;work::outer%(int%);work::inner%(unsigned long%)"
local SPINNER = support.program:match("^(.*)/") .. "/spinner"

--- Calls `fn(pid)` while the program spins.
local function spinning(arguments, fn)
  local pipe = assert(io.popen(("exec %s %s"):format(SPINNER, arguments)))
  local pid = pipe:read("*l")
  local ok, err = pcall(fn, tonumber(pid))
  support.sh(("kill -KILL %s; rm -f /tmp/perf-%s.map"):format(pid, pid))
  pipe:close()
  if not ok then error(err, 0) end
end

--- Runs the tool until it has seen `samples` of them; its result.
local function profile(arguments)
  local result = support.sh(tools.command("profile", arguments .. " -d 2"))
  expect.equal(result.code, 0)
  return result
end

--- The sum of the counts of the lines that `pattern` finds, and of all lines.
local function share(text, pattern)
  local sum, all = 0, 0
  for line in text:gmatch("[^\n]+") do
    local count = tonumber(line:match(" (%d+)$"))
    all = all + count
    if line:find(pattern) then sum = sum + count end
  end
  return sum, all
end

describe("profile", function()
  tools.common_tests("profile", {
    banner = BANNER,
    all = { "-p <PID>", "-L <TID>", "-U", "-K", "-F <HERTZ>", "-a", "-I", "-f",
            "--delimited", "--lines", "--svg <FILE>", "--html <FILE>", "[<seconds>]",
            "-d <SECONDS>", "--json", "--csv" },
    mistakes = {
      ["-Z"] = "unknown option '-Z'", ["-p self"] = "'self' is no number",
      ["-F 0"] = "'0' is not a whole number above 0", ["1 2"] = "too many arguments",
      ["-p 1,"] = "'1,' is no number, nor a list of them",
    },
  })

  it("folds stacks with demangled names", function()
    spinning("", function(pid)
      local text = profile("-f -F 99 -p " .. pid).out
      for line in text:gmatch("[^\n]+") do
        expect.truthy(line:find("^spinner;[^;]"), line)
      end
      local sum, all = share(text, "^spinner;.*" .. STACK .. "[; ]")
      expect.truthy(sum >= 10 and sum > all / 2, ("%d of %d\n%s"):format(sum, all, text))
    end)
  end)

  it("samples as often as it is asked to", function()
    spinning("", function(pid)
      local function ticks() -- of 1/100 s that the process has had
        local file = io.open(("/proc/%d/stat"):format(pid))
        local user, system =
          file:read("*a"):match("%) %S" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
        file:close()
        return user + system
      end
      tools.with("profile", "-f -F 50 -p " .. pid, { banner = "Sampling at 50" },
                 function(tool)
        local before = ticks()
        support.sleep(3)
        local used = (ticks() - before) / 100
        expect.equal(tool:stop(), 0)
        local _, all = share(tool:out(), "")
        expect.truthy(all >= used * 50 * 0.7 - 5 and all <= used * 50 * 1.3 + 30,
                      ("%d samples in %g s"):format(all, used))
      end)
    end)
  end)

  it("prints stacks, innermost first, with process and count", function()
    spinning("", function(pid)
      local text = profile("-U -p " .. pid).out
      local stack = "    work::inner(unsigned long)\n    work::outer(int)\n    main\n"
      expect.truthy(text:find(stack, 1, true), text)
      local last = ("    -                spinner (%d)\n        "):format(pid)
      expect.truthy(text:find(last, 1, true) and text:find("\n        %d+\n\n$"), text)
    end)
  end)

  it("shows source lines", function()
    spinning("", function(pid)
      local text = profile("-f --lines -p " .. pid).out
      expect.truthy(text:find("work::inner%(unsigned long%) %([^;]*/spinner.cpp:2%d%)"),
                    text)
      expect.truthy(text:find("work::outer%(int%) %([^;]*/spinner.cpp:33%)"), text)
    end)
  end)

  it("names what was compiled at run time", function()
    if ffi.arch ~= "x64" then skip("the machine code is that of x86-64") end
    spinning("compiled", function(pid)
      local text = profile("-f -p " .. pid).out
      local sum = share(text, ";main;LazyCompile:~hot: script.js:7[; ]")
      expect.truthy(sum >= 10, text)
    end)
  end)

  it("shows kernel or user stacks only, and marks them", function()
    local pipe = assert(io.popen("exec dd if=/dev/zero of=/dev/null bs=1M & echo $!"))
    local pid = pipe:read("*l")
    local ok, err = pcall(function()
      local kernel = profile("-K -f -a -p " .. pid).out
      local sum, all = share(kernel, "^dd;[%w_.;%[%]]+_%[k%] ")
      expect.truthy(sum >= 10 and sum == all, kernel)
      expect.truthy(not kernel:find("_start", 1, true), kernel)
      local user = profile("-U -f -a -p " .. pid).out
      expect.truthy(user ~= "" and not user:find("_[k]", 1, true), user)
      local both = profile("-f -a --delimited -p " .. pid).out
      sum = share(both, "^dd;[^;]+.*;%-;[^;]*_%[k%]")
      expect.truthy(sum >= 10, both)
    end)
    support.sh("kill -KILL " .. pid)
    pipe:close()
    if not ok then error(err, 0) end
  end)

  it("samples one thread", function()
    spinning("", function(pid)
      local text = profile("-f -L " .. pid).out
      local sum, all = share(text, "^spinner;")
      expect.truthy(sum >= 10 and sum == all, text)
    end)
  end)

  it("samples idle CPUs when asked, and only then", function()
    expect.equal(share(profile("-f").out, "^swapper"), 0)
    local idle = 0
    for _ = 1, 15 do -- a loaded machine has an idle moment now and then
      idle = share(profile("-f -I -K").out, "^swapper")
      if idle > 0 then break end
    end
    expect.truthy(idle > 0, "no sample of an idle CPU")
  end)

  it("gives JSON and CSV", function()
    spinning("", function(pid)
      local text = profile("--json -p " .. pid).out
      expect.truthy(text:find(('{"count":%%d+,"pid":%d,"comm":"spinner","kernel":{},'
        .. '"user":%%["work::inner%%(unsigned long%%)","work::outer%%(int%%)","main"')
        :format(pid)), text)
      text = profile("--csv -p " .. pid).out
      expect.truthy(text:find("^count,pid,comm,kernel,user\n"), text)
    end)
  end)

  it("writes flame graphs", function()
    spinning("", function(pid)
      local folder = support.sh("mktemp -d").out:match("%S+")
      local files = ("--svg %s/a.svg --html %s/a.html"):format(folder, folder)
      local result = profile(("-p %d %s"):format(pid, files))
      expect.equal(result.out, "")
      for _, name in ipairs { "a.svg", "a.html" } do
        local file = assert(io.open(folder .. "/" .. name))
        local text = file:read("*a")
        file:close()
        local start = name == "a.svg" and '<?xml version="1.0"' or "<!DOCTYPE html>"
        expect.equal(text:sub(1, #start), start)
        expect.truthy(text:find("<title>work::inner%(unsigned long%) %(%d+ samples, "
                                .. "[%d.]+%%%)</title>"), "frame")
      end
      support.sh("rm -r " .. folder)
      result = support.sh(tools.command("profile", "-d 0.1 --svg /nonexistent/x.svg"))
      expect.equal(result.code, 1)
      local why = "cannot write the flame graph: /nonexistent/x.svg: No such file"
      expect.truthy(result.err:find(why, 1, true), result.err)
    end)
  end)
end)
