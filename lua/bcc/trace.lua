-- What bpf_trace_printk writes, read by a script that waits for it.
local class = require "bcc.class"
local lines = require "bpf.lines"
local host = require "bpf.host"
local errors = require "bpf.errors"
local trace_pipe = require "bpf.trace_pipe"
local wait = require "bcc.wait"

---@class bcc.Pipe
local Pipe = class.new("TracerPipe")

local function open(self)
  if self.stop then return end
  self.first, self.last, self.waiting = 1, 0, {}
  self.stop = lines.of_file(errors.check(host.tracefs()) .. "/trace_pipe", function(line)
    self.last = self.last + 1
    self.waiting[self.last] = line
  end)
end

local function take(self)
  if self.first > self.last then return nil end
  local line = self.waiting[self.first]
  self.waiting[self.first] = nil
  self.first = self.first + 1
  return line
end

--- The next line as the kernel writes it; without one, waits, or returns nil where
--- `nonblocking`.
function Pipe:readline(nonblocking)
  open(self)
  local line = take(self)
  if not line then
    wait.events(nonblocking and 0 or -1)
    line = take(self)
  end
  while not line and not nonblocking do
    wait.events(-1)
    line = take(self)
  end
  return line
end

--- The parts of the next line: task, pid, cpu, flags, seconds since boot, message.
function Pipe:trace_fields(nonblocking)
  while true do
    local line = self:readline(nonblocking)
    if not line then return nil end
    local parsed = trace_pipe.parse(line)
    if parsed then
      return parsed.task, parsed.pid, parsed.cpu, parsed.flags, parsed.time, parsed.text
    end
  end
end

function Pipe:close()
  if self.stop then self.stop() end
  self.stop = nil
end

return Pipe
