-- The input of program:test_run(), checked and as bytes.
local ffi = require "ffi"
local errors = require "bpf.errors"
local options = require "bpf.options"

local M = {}

---@class bpf.TestRun
---@field data string? the packet, from its Ethernet header on
---@field ctx (string|ffi.cdata*|(integer|ffi.cdata*)[])? the context: bytes, a struct, or
---  a list of 64-bit integers
---@field times integer? how often to run it, 1 by default

---@class bpf.TestRunResult
---@field retval integer what the last run returned, unsigned
---@field data string? the packet afterwards
---@field ctx string? the context afterwards
---@field duration_ns integer? average of one run, where the kernel measures it

local MOST_TIMES = 2 ^ 31 - 1
local TYPES = { data = "string", ctx = "any", times = "number" }

local function context_bytes(ctx)
  if ctx == nil then return "" end
  if type(ctx) == "string" then return ctx end
  if type(ctx) == "cdata" then return ffi.string(ctx, ffi.sizeof(ctx)) end
  if type(ctx) ~= "table" then
    errors.misuse(("program:test_run: option 'ctx' takes a string, a struct or a list of "
                   .. "integers, got a %s"):format(type(ctx)))
  end
  local words = ffi.new("uint64_t[?]", #ctx)
  for place, word in ipairs(ctx) do
    if type(word) ~= "number" and type(word) ~= "cdata" then
      errors.misuse(("program:test_run: ctx[%d] is a %s, not an integer")
                    :format(place, type(word)))
    end
    -- A negative number through int64_t: its conversion to uint64_t is undefined.
    words[place - 1] = type(word) == "number" and word < 0 and ffi.cast("int64_t", word)
                       or word
  end
  return ffi.string(words, #ctx * 8)
end

---@param given bpf.TestRun
---@return string data, string context, integer times
function M.input(given)
  options.check("program:test_run", given, TYPES)
  local times = given.times or 1
  if times < 1 or times > MOST_TIMES or times ~= math.floor(times) then
    errors.misuse(("program:test_run: times is %s, and must be an integer from 1 on")
                  :format(tostring(times)))
  end
  return given.data or "", context_bytes(given.ctx), times
end

return M
