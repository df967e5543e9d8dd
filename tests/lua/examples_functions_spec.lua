--- The examples of hooks on functions, of the kernel and of programs: each runs, and
--- shows what it says it shows.
local example = require "example"
local ffi = require "ffi"
local harness = require "harness"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

ffi.cdef [[
int mkdir(const char *path, unsigned int mode);
int rmdir(const char *path);
]]

local ENOSPC, ENOTEMPTY, ESRCH = 28, 39, 3

describe("example", function()
  it("kprobe_pattern shows which functions run, and which fail", function()
    example.with("kprobe_pattern 'vfs_r*'", {}, function(tool)
      support.sh "d=$(mktemp -d); touch $d/file; rmdir $d; rm -r $d"
      expect.equal(tool:stop(), 0)
      local out = tool:out()
      expect.truthy(tonumber(out:match "^watching (%d+) functions\n") >= 4, out)
      local calls, failed = out:match(("\n *(%%d+) +(%%d+) +%%-%d +vfs_rmdir\n")
                                      :format(ENOTEMPTY))
      expect.truthy(calls and tonumber(failed) >= 1, out)
      expect.truthy(tonumber(calls) > tonumber(failed), out)
    end)
  end)

  it("session times functions of the kernel", function()
    example.with("session 'kprobe.session:vfs_r*'", {}, function(tool)
      support.sh "head -c 100 /dev/zero"
      expect.equal(tool:stop(), 0)
      local out = tool:out()
      expect.truthy(tonumber(out:match "^timing (%d+) functions\n") >= 4, out)
      local calls, average = out:match "\n *(%d+) vfs_read +([%d.]+)\n"
      expect.truthy(calls and tonumber(calls) >= 1 and tonumber(average) > 0, out)
    end)
  end)

  it("session times functions of a program", function()
    local many = support.program:match "^(.*/)" .. "many_functions"
    local result = example.printed(example.run(("session 'uprobe.session:%s:many_000*'")
      :format(many), "-c " .. support.quote(many .. " 3")), "timing 10 functions\n")
    for i = 0, 9 do
      expect.truthy(result.out:find(("\n +3 many_%04d +[%%d.]+\n"):format(i)), result.out)
    end
  end)

  it("ksyscall shows signals and what came of them", function()
    local event = ("kill -0 %d; kill -0 4000000"):format(support.pid)
    example.printed(example.watch("ksyscall", event, " 4000000 "),
                    ("\n *%%d+ +bash +%d +0 +0\n"):format(support.pid),
                    ("\n *%%d+ +bash +4000000 +0 +%%-%d\n"):format(ESRCH))
  end)

  it("fmod_ret makes the calls of one process fail", function()
    local path = "/tmp/ebl_fmod_ret_" .. support.pid
    example.with("fmod_ret " .. support.pid, {}, function(tool)
      expect.equal({ ffi.C.mkdir(path, 448), ffi.errno() }, { -1, ENOSPC })
      tool:wait_lines("^mkdir " .. path:match "[^/]+$" .. " failed$")
      expect.equal(support.sh(("mkdir %s && rmdir %s"):format(path, path)).code, 0)
    end)
    expect.equal(ffi.C.mkdir(path, 448), 0)
    ffi.C.rmdir(path)
  end)

  it("freplace gives a filter another rule", function()
    example.printed(example.run "freplace",
      "^its own rule: +small 0, large 0\nthe rule of another: +small 0, large 2\n"
      .. "its own again: +small 0, large 0\nthe rule was asked 2 times\n$")
  end)

  it("breakpoint shows who writes to a process's memory", function()
    local watched = ffi.new "volatile int[2]"
    local address = tonumber(ffi.cast("uintptr_t", watched))
    example.with(("breakpoint 0x%x %d"):format(address, support.pid), {}, function(tool)
      watched[0], watched[1] = -7, 1
      local ours = ("%%(%d%%) makes it "):format(support.pid)
      tool:wait_lines(ours .. "%-7$")
      watched[0] = 8
      tool:wait_lines(ours .. "8$")
      local values, last = {}, 0
      for _, line in ipairs(tool:wait_lines(ours)) do
        local value = tonumber(line:match "makes it (%-?%d+)$")
        -- An emulated processor also stops where nobody writes: the value is as before.
        if value ~= last or not support.in_machine then values[#values + 1] = value end
        last = value
      end
      expect.equal(values, { -7, 8 })
    end)
  end)

  it("breakpoint shows who writes to a variable of the kernel", function()
    local value = support.read "/proc/sys/kernel/panic":match "%-?%d+"
    example.with("breakpoint panic_timeout", {}, function(tool)
      local command = ("echo $$; echo %s >/proc/sys/kernel/panic"):format(value)
      local pid = support.sh(command).out:match "%d+"
      tool:wait_lines(("%%(%s%%) makes it %s$"):format(pid, (value:gsub("%-", "%%-"))))
      tool:wait_lines "^    %S*proc_dointvec"
    end)
  end)
end)
