-- -c CMD and -p PID: the process that probes look at.
local host = require "bpf.host"
local errors = require "bpf.errors"
local loop = require "bpf.loop"

local M = {}

local child, source, released

--- Begins the command when the loop first runs: everything is attached by then. Its end
--- ends the run.
local function release()
  if released then return end
  released = true
  errors.check(child:release())
  source = loop.add(child:fd(), function()
    if child:exit_code() then
      loop.remove(source)
      loop.stop()
    end
    return 0
  end)
end

--- Makes the process of -c, which waits.
---@param command string
function M.start(command)
  child = errors.check(host.start_child(command, loop.settings.output_before or 1))
  loop.settings.pid, loop.settings.command_pid = child:pid(), child:pid()
  loop.before_run = release
end

--- Scopes what follows to a process that is there.
---@param pid integer
function M.scope(pid)
  local file = io.open(("/proc/%d/stat"):format(pid))
  if not file then
    error(errors.new { stage = "usage", code = "not_found",
                       message = ("-p: there is no process %d"):format(pid) }, 0)
  end
  file:close()
  loop.settings.pid, loop.settings.attach_pid = pid, pid
end

--- Whether there is a command that has not begun.
---@return boolean
function M.waits()
  return child ~= nil and not released
end

--- The exit code of the command, nil where there is none or it still runs; it is ended
--- then.
---@return integer?
function M.finish()
  if not child then return nil end
  local code = child:exit_code()
  child:close()
  child = nil
  return code
end

return M
