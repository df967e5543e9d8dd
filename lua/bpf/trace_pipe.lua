-- What bpf_printk writes: the kernel's trace_pipe, line by line.
local host = require "bpf.host"
local errors = require "bpf.errors"
local lines = require "bpf.lines"

local M = {}

---@class bpf.TraceLine
---@field task string
---@field pid integer
---@field cpu integer
---@field flags string of the kernel: "d..2."
---@field time number seconds since boot
---@field text string what the program printed

--- "  bash-1234  [001] d..2.  12.345678: bpf_trace_printk: hello" -> its parts.
---@param line string
---@return bpf.TraceLine?
function M.parse(line)
  local task, pid, cpu, flags, time, text = line:match(
    "^%s*(.+)%-(%d+)%s+.-%[(%d+)%]%s+(%S+)%s+([%d.]+):%s+bpf_trace_printk: (.*)$")
  if not task then return nil end
  return { task = task, pid = tonumber(pid), cpu = tonumber(cpu), flags = flags,
           time = tonumber(time), text = text }
end

--- Calls `fn(line)` for each line that a BPF program prints while the loop runs.
---@param fn fun(line: bpf.TraceLine)
---@return fun() stop ends the reading
function M.read(fn)
  if type(fn) ~= "function" then errors.misuse("bpf.trace_pipe takes a function") end
  return lines.of_file(errors.check(host.tracefs()) .. "/trace_pipe", function(line)
    local parsed = M.parse(line)
    if parsed then fn(parsed) end
  end)
end

return M
