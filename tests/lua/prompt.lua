--- A prompt on a terminal, for the specs of what is typed there.
local support = require "support"
local terminal = require "terminal"
local harness = require "harness"

local M = {}

--- Runs fn(terminal, folder of its history) at a prompt that is ready.
function M.session(fn)
  local home = support.sh("mktemp -d").out:match("%S+")
  local t = terminal.start({}, { XDG_STATE_HOME = home })
  t:expect("> $")
  local ok, err = xpcall(fn, debug.traceback, t, home)
  if not ok then
    support.sh("kill -9 " .. t.pid)
    t:close()
    error(err, 0)
  end
  support.sh("rm -rf " .. home)
end

--- Leaves by Ctrl-D.
function M.leave(t)
  t:send("\4")
  harness.expect.equal(t:close(), 0)
end

return M
