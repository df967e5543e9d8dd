-- Waiting, as BCC's scripts do it: Ctrl-C ends the wait by an error that ends the script
-- quietly, unless the script catches it to show what it has.
local ffi = require "ffi"
local C = require "bpf.ffi_api"
local compiler = require "bpf.compiler"
local loop = require "bpf.loop"

ffi.cdef [[
int ebl_bcc_poll(void *fds, unsigned long count, int milliseconds) __asm__("poll");
]]

local M = {}

local LONG = 1e9 -- milliseconds
local PIECE = 1e6

--- Handles events for so long, or until some have come; negative: for ever.
---@param milliseconds number?
---@return integer handled
function M.events(milliseconds)
  compiler.stop()
  local time = (milliseconds and milliseconds >= 0) and milliseconds or LONG
  repeat
    local handled, why = loop.poll(time)
    if why == "interrupt" or loop.output_closed then error(loop.ENDED, 0) end
    if why or handled > 0 then return handled end -- or a callback has ended the wait
  until time < LONG
  return 0
end

--- Handles no events meanwhile.
---@param seconds number
function M.sleep(seconds)
  local unwritten = loop.flush()
  if unwritten then error(unwritten, 0) end
  local due = tonumber(C.ebl_monotonic_ns()) / 1e6 + seconds * 1000
  while true do
    local rest = due - tonumber(C.ebl_monotonic_ns()) / 1e6
    if rest <= 0 then return end
    ffi.C.ebl_bcc_poll(nil, 0, math.min(math.ceil(rest), PIECE))
    if C.ebl_signal_pending() ~= 0 then
      C.ebl_take_signal()
      error(loop.ENDED, 0)
    end
  end
end

return M
