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

--- How many seconds a process has had a CPU.
local function cpu_time(pid)
  local user, system = support.read(("/proc/%s/stat"):format(pid))
                              :match("%) %S" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
  return (user + system) / 100
end

--- Waits until a process has had a CPU for as long as that, however few it gets.
local function wait_for_cpu_time(pid, seconds)
  local ends = cpu_time(pid) + seconds
  tools.wait_for("CPU time", function() return cpu_time(pid) >= ends end)
end

--- What the tool prints of a process, which it looks at for a second of its CPU time.
local function profile(pid, arguments)
  local text
  tools.with("profile", ("-p %s %s"):format(pid, arguments or ""), { banner = BANNER },
             function(tool)
    wait_for_cpu_time(pid, 1)
    expect.equal(tool:stop(), 0)
    text = tool:out()
  end)
  return text
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
    -- A busy machine has many programs, and names of all take longer than the samples.
    arguments = "-L " .. support.pid,
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
      local text = profile(pid, "-f")
      for line in text:gmatch("[^\n]+") do
        expect.truthy(line:find("^spinner;[^;]"), line)
      end
      local sum, all = share(text, "^spinner;.*" .. STACK .. "[; ]")
      expect.truthy(sum >= 10 and sum > all / 2, ("%d of %d\n%s"):format(sum, all, text))
    end)
  end)

  it("samples as often as it is asked to", function()
    spinning("", function(pid)
      -- No divisor of a second: processes take turns in milliseconds.
      tools.with("profile", "-f -F 97 -p " .. pid, { banner = "Sampling at 97" },
                 function(tool)
        local before = cpu_time(pid)
        wait_for_cpu_time(pid, 2)
        local used = cpu_time(pid) - before
        expect.equal(tool:stop(), 0)
        local _, all = share(tool:out(), "")
        expect.truthy(all >= used * 97 * 0.7 - 5 and all <= used * 97 * 1.3 + 60,
                      ("%d samples in %g s"):format(all, used))
      end)
    end)
  end)

  it("prints stacks, innermost first, with process and count", function()
    spinning("", function(pid)
      local text = profile(pid, "-U")
      local stack = "    work::inner(unsigned long)\n    work::outer(int)\n    main\n"
      expect.truthy(text:find(stack, 1, true), text)
      local last = ("    -                spinner (%d)\n        "):format(pid)
      expect.truthy(text:find(last, 1, true) and text:find("\n        %d+\n\n$"), text)
    end)
  end)

  tools.it_on_host("shows source lines", function()
    spinning("", function(pid)
      local text = profile(pid, "-f --lines")
      expect.truthy(text:find("work::inner%(unsigned long%) %([^;]*/spinner.cpp:2%d%)"),
                    text)
      expect.truthy(text:find("work::outer%(int%) %([^;]*/spinner.cpp:33%)"), text)
    end)
  end)

  tools.it_on_host("names what was compiled at run time", function()
    if ffi.arch ~= "x64" then skip("the machine code is that of x86-64") end
    spinning("compiled", function(pid)
      local text = profile(pid, "-f")
      local sum = share(text, ";main;LazyCompile:~hot: script.js:7[; ]")
      expect.truthy(sum >= 10, text)
    end)
  end)

  it("shows kernel or user stacks only, and marks them", function()
    local pipe = assert(io.popen("exec dd if=/dev/zero of=/dev/null bs=1M & echo $!"))
    local pid = pipe:read("*l")
    local ok, err = pcall(function()
      local kernel = profile(pid, "-K -f -a")
      local sum, all = share(kernel, "^dd;[%w_.;%[%]]+_%[k%] ")
      expect.truthy(sum >= 10 and sum == all, kernel)
      expect.truthy(not kernel:find("_start", 1, true), kernel)
      local user = profile(pid, "-U -f -a")
      expect.truthy(user ~= "" and not user:find("_[k]", 1, true), user)
      local both = profile(pid, "-f -a --delimited")
      sum = share(both, "^dd;[^;]+.*;%-;[^;]*_%[k%]")
      expect.truthy(sum >= 10, both)
    end)
    support.sh("kill -KILL " .. pid)
    pipe:close()
    if not ok then error(err, 0) end
  end)

  it("samples one thread", function()
    spinning("", function(pid)
      local text = profile(pid, "-f -L " .. pid)
      local sum, all = share(text, "^spinner;")
      expect.truthy(sum >= 10 and sum == all, text)
    end)
  end)

  it("samples idle CPUs when asked, and only then", function()
    local function samples_of_idle(arguments)
      local result = support.sh(tools.command("profile", "-f -K -d 2 " .. arguments))
      expect.equal(result.code, 0)
      return (share(result.out, "^swapper"))
    end
    local function idle_time() -- of all CPUs, in seconds
      local fields = support.read("/proc/stat")
      return fields:match("^cpu" .. (" +%d+"):rep(3) .. " (%d+)") / 100
    end
    expect.equal(samples_of_idle(""), 0)
    local found = support.eventually(function()
      local before = idle_time()
      local samples = samples_of_idle("-I")
      local idle = idle_time() - before
      -- The tool's start and end are idle time too, but no more than a second of it.
      if samples == 0 and idle > 2 then error(idle .. " s idle without a sample", 0) end
      return samples > 0
    end)
    if not found then skip("no CPU of this machine was idle") end
  end)

  tools.it_on_host("gives JSON and CSV", function()
    spinning("", function(pid)
      local text = profile(pid, "--json")
      expect.truthy(text:find(('{"count":%%d+,"pid":%d,"comm":"spinner","kernel":{},'
        .. '"user":%%["work::inner%%(unsigned long%%)","work::outer%%(int%%)","main"')
        :format(pid)), text)
      text = profile(pid, "--csv")
      expect.truthy(text:find("^count,pid,comm,kernel,user\n"), text)
    end)
  end)

  tools.it_on_host("writes flame graphs", function()
    spinning("", function(pid)
      local folder = support.sh("mktemp -d").out:match("%S+")
      local files = ("--svg %s/a.svg --html %s/a.html"):format(folder, folder)
      expect.equal(profile(pid, files), "")
      for _, name in ipairs { "a.svg", "a.html" } do
        local text = support.read(folder .. "/" .. name)
        local start = name == "a.svg" and '<?xml version="1.0"' or "<!DOCTYPE html>"
        expect.equal(text:sub(1, #start), start)
        expect.truthy(text:find("<title>work::inner%(unsigned long%) %(%d+ samples, "
                                .. "[%d.]+%%%)</title>"), "frame")
      end
      support.sh("rm -r " .. folder)
      local nowhere = ("-p %d -d 0.1 --svg /nonexistent/x.svg"):format(pid)
      local result = support.sh(tools.command("profile", nowhere))
      expect.equal(result.code, 1)
      local why = "cannot write the flame graph: /nonexistent/x.svg: No such file"
      expect.truthy(result.err:find(why, 1, true), result.err)
    end)
  end)
end)
