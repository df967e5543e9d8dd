-- Errors: the one shape that every failure has, and the ways to raise it.
--
-- An error is a table {stage, code, message, hint?, notes?, detail?, location?} whose
-- tostring is "place: message". The C++ side makes the same (runtime/base/error.h lists
-- stages and codes).
local ffi = require "ffi"
local host = require "bpf.host"

ffi.cdef [[
const char *strerrorname_np(int number);
const char *strerrordesc_np(int number);
]]
local C = ffi.C

local M = {}

---@class bpf.Error
---@field stage "usage"|"plan"|"compile"|"load"|"attach"|"read"|"symbols"|"script"
---@field code string "invalid", "not_found", "compile", "verifier", "not_permitted",
--- "not_supported", "io" or "internal"
---@field message string one line
---@field hint string? the next action
---@field notes string? lines that show why: C lines, values
---@field detail string? clang's or the verifier's whole text
---@field location {file: string, line: integer, column: integer}?
---@field exit_code integer

local metatable = host.error_metatable()

local EXIT_CODES = { not_permitted = 3, not_supported = 4 }

---@param fields table stage, code, message and optionally hint, detail, location
---@return bpf.Error
function M.new(fields)
  fields.exit_code = fields.stage == "usage" and 2 or EXIT_CODES[fields.code] or 1
  return setmetatable(fields, metatable)
end

---@param value any
---@return boolean
function M.is(value)
  return type(value) == "table" and getmetatable(value) == metatable
end

local LIBRARY = "@ebpf-lua:"

local function ours(text)
  return text:sub(1, #LIBRARY - 1) == LIBRARY:sub(2)
end

--- The innermost function on the stack that is not ours: the script's.
---@return table? info as of debug.getinfo(…, "Sl")
function M.caller()
  local level = 2
  while true do
    local info = debug.getinfo(level, "Sl")
    if not info then return nil end
    if info.what ~= "C" and info.source:sub(1, #LIBRARY) ~= LIBRARY then return info end
    level = level + 1
  end
end

--- Raises a misuse, blamed on the script's line.
---@param message string
---@param hint string?
---@param code string? "invalid" if not given
function M.misuse(message, hint, code)
  local info = M.caller()
  local location
  if info and info.currentline > 0 then
    location = { file = info.short_src, line = info.currentline, column = 0 }
  end
  error(M.new { stage = "script", code = code or "invalid", message = message,
                hint = hint, location = location }, 0)
end

--- The stack as the script's author knows it: without the frames of this program, and how
--- many are left.
local function script_traceback()
  local lines, kept = {}, { "stack traceback:" }
  for line in debug.traceback("", 3):gmatch("\t([^\n]+)") do
    lines[#lines + 1] = line
  end
  for place, line in ipairs(lines) do
    local caller = lines[place + 1]
    local called_by_us = line:match("^%[C%]") and (not caller or ours(caller))
    if not ours(line) and not called_by_us then kept[#kept + 1] = "\t" .. line end
  end
  return table.concat(kept, "\n"), #kept - 1
end

--- Whether the script raised this text by error(text, 0): it is all that it wants said.
local function is_all(value, trace)
  return trace:find("^stack traceback:\n\t%[C%]: in function 'error'\n") ~= nil
         and not value:match("^[^\n]-:%d+: ")
end

--- For xpcall: keeps where an error of the script came from; others pass as they are.
---@param value any
---@return any
function M.with_traceback(value)
  if type(value) == "string" then
    if not ours(value) then
      local trace = script_traceback()
      return M.new { stage = "script", code = "invalid", message = value,
                     detail = not is_all(value, trace) and trace or nil }
    end
    return M.new { stage = "script", code = "internal", message = value,
                   hint = "this is a defect of ebpf-lua: please report it",
                   detail = debug.traceback("", 2):sub(2) }
  end
  if M.is(value) and value.stage == "script" and not value.detail then
    local text, frames = script_traceback()
    if frames > 1 then value.detail = text end -- one frame is the place in the message
  end
  return value
end

--- The name and the text of an errno value, positive or negative.
---@param number integer
---@return string name "ENOENT"
---@return string text "No such file or directory"
function M.errno(number)
  number = math.abs(number)
  local name, text = C.strerrorname_np(number), C.strerrordesc_np(number)
  return name ~= nil and ffi.string(name) or tostring(number),
         text ~= nil and ffi.string(text) or "unknown error"
end

--- The first value, or raises the error that stands second: `check(handle:load(...))`.
function M.check(value, err, ...)
  if value == nil and err ~= nil then error(err, 0) end
  return value, err, ...
end

return M
