-- What is typed at the prompt: when it is a whole chunk, and running it.
local C = require "bpf.ffi_api"
local errors = require "bpf.errors"
local plan = require "bpf.plan"

local M = {}

-- Lua instructions between two looks for Ctrl-C.
local INSTRUCTIONS = 10000

--- Raised inside a command that Ctrl-C stops.
M.INTERRUPTED = setmetatable({}, { __tostring = function() return "interrupted" end })

--- Lua ends the message with this where more text could make the chunk whole.
local function is_unfinished(message)
  return message:find("'<eof>'", 1, true) ~= nil
         or message:find("unfinished long", 1, true) ~= nil
end

local number = 0

--- The chunk of `text`: an expression gives its values. nil, and whether more text could
--- make it whole, where it is none.
---@param text string
---@return function?
---@return string|boolean message, or true where it is unfinished
function M.compile(text)
  number = number + 1
  local name = ("=prompt:%d"):format(number)
  plan.chunks[name] = text
  local chunk = loadstring("return " .. text, name)
  if chunk then return chunk, false end
  local message
  chunk, message = loadstring(text, name)
  if chunk then return chunk, false end
  if is_unfinished(message) then return nil, true end
  return nil, message
end

local function stop_on_signal()
  if C.ebl_signal_pending() ~= 0 then
    C.ebl_take_signal()
    error(M.INTERRUPTED, 0)
  end
end

--- Runs a chunk so that Ctrl-C stops it: without the JIT compiler, whose code looks for
--- nothing, and with a hook. The functions that it leaves behind are compiled again.
---@param chunk function
---@param environment table
---@return boolean ok
---@return any ... its values, or the error
function M.run(chunk, environment)
  setfenv(chunk, environment)
  jit.off(chunk, true)
  debug.sethook(stop_on_signal, "", INSTRUCTIONS)
  local results = { n = 0 }
  local function keep(...)
    results = { n = select("#", ...), ... }
  end
  keep(xpcall(chunk, errors.with_traceback))
  debug.sethook()
  jit.on(chunk, true)
  return unpack(results, 1, results.n)
end

return M
