--- A control group of a test's own, for specs.
local net = require "net"
local support = require "support"

local M = {}

local function mount()
  local file = assert(io.open("/proc/self/mounts"))
  local text = file:read("*a")
  file:close()
  return text:match("\n%S+ (%S+) cgroup2 ") or text:match("^%S+ (%S+) cgroup2 ")
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  assert(file:close())
end

--- The group of this process, below the mount: "/" or "/a/b".
local function own()
  local file = assert(io.open("/proc/self/cgroup"))
  local text = file:read("*a")
  file:close()
  return text:match("0::(%S+)")
end

--- Calls `fn(path)` in a new group that this process is in, and leaves and removes it.
function M.inside(fn)
  local root, home = assert(mount(), "no cgroup2"), own()
  local path = ("%s/ebl-test-%d"):format(root, support.pid)
  assert(support.sh("mkdir " .. path).code == 0)
  write(path .. "/cgroup.procs", tostring(support.pid))
  local ok, err = xpcall(fn, function(e)
    return type(e) == "table" and e or debug.traceback(tostring(e), 2)
  end, path)
  -- The compiler's server may have been born in there as well.
  for pid in io.lines(path .. "/cgroup.procs") do
    pcall(write, root .. home .. "/cgroup.procs", pid)
  end
  support.sh("rmdir " .. path)
  if not ok then error(err, 0) end
end

--- As inside(), in a network namespace of its own.
function M.with_network(fn)
  net.in_namespace(nil, function() M.inside(fn) end)
end

return M
