-- What bpf_printk writes: the kernel's trace_pipe, line by line.
local ffi = require "ffi"
local bit = require "bit"
local host = require "bpf.host"
local errors = require "bpf.errors"
local loop = require "bpf.loop"

ffi.cdef [[
int open(const char *path, int flags, ...);
long read(int fd, void *buffer, size_t size);
int close(int fd);
]]
local C = ffi.C

local M = {}

local O_NONBLOCK, O_CLOEXEC = 0x800, 0x80000
local SIZE = 65536

---@class bpf.TraceLine
---@field task string
---@field pid integer
---@field cpu integer
---@field time number seconds since boot
---@field text string what the program printed

--- "  bash-1234  [001] d..2.  12.345678: bpf_trace_printk: hello" -> its parts.
---@param line string
---@return bpf.TraceLine?
function M.parse(line)
  local task, pid, cpu, time, text =
    line:match("^%s*(.+)%-(%d+)%s+.-%[(%d+)%]%s+%S+%s+([%d.]+):%s+bpf_trace_printk: (.*)$")
  if not task then return nil end
  return { task = task, pid = tonumber(pid), cpu = tonumber(cpu), time = tonumber(time),
           text = text }
end

--- Calls `fn(line)` for each line that a BPF program prints while the loop runs.
---@param fn fun(line: bpf.TraceLine)
---@return fun() stop ends the reading
function M.read(fn)
  if type(fn) ~= "function" then errors.misuse("bpf.trace_pipe takes a function") end
  local path = errors.check(host.tracefs()) .. "/trace_pipe"
  local fd = C.open(path, bit.bor(O_NONBLOCK, O_CLOEXEC))
  if fd < 0 then
    error(errors.new { stage = "read", code = ffi.errno() == 13 and "not_permitted" or "io",
                       message = ("cannot open %s, errno %d"):format(path, ffi.errno()) }, 0)
  end
  local buffer, rest = ffi.new("char[?]", SIZE), ""
  local source = loop.add(fd, function()
    local count = 0
    while true do
      local got = tonumber(C.read(fd, buffer, SIZE))
      if got <= 0 then return count end
      rest = rest .. ffi.string(buffer, got)
      for line in rest:gmatch("([^\n]*)\n") do
        local parsed = M.parse(line)
        if parsed then
          count = count + 1
          fn(parsed)
        end
      end
      rest = rest:match("[^\n]*$")
    end
  end)
  return function()
    if not source then return end
    loop.remove(source)
    C.close(fd)
    source = nil
  end
end

return M
