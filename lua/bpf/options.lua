-- Tables of named options, checked: unknown names and wrong types are the caller's
-- misuse.
local errors = require "bpf.errors"
local nearest = require "bpf.nearest"

local M = {}

local function is_int(value)
  return type(value) == "number" and value % 1 == 0 and value >= -2 ^ 31
         and value < 2 ^ 31
end

--- Whether the kernel can have such a number: unsigned, of 32 bits.
---@param value number
---@return boolean
function M.is_u32(value)
  return value % 1 == 0 and value >= 0 and value < 2 ^ 32
end

---@param call string the function that takes them, for the message
---@param options any
---@param types table<string, string> the Lua type of each option, "any", or "integer":
--- whole numbers that fit an int
function M.check(call, options, types)
  if type(options) ~= "table" then
    errors.misuse(("%s takes a table of options, got a %s"):format(call, type(options)))
  end
  for key, value in pairs(options) do
    local wanted = types[key]
    if not wanted then
      errors.misuse(("%s has no option '%s'"):format(call, tostring(key)),
                    nearest.hint(tostring(key), nearest.keys(types), "options"))
    end
    if wanted == "integer" then
      if not is_int(value) then
        errors.misuse(("%s: option '%s' takes a whole number, got %s")
                      :format(call, key, tostring(value)))
      end
    elseif wanted ~= "any" and type(value) ~= wanted then
      errors.misuse(("%s: option '%s' takes a %s, got a %s")
                    :format(call, key, wanted, type(value)))
    end
  end
end

--- The one of these options that was given.
---@param call string
---@param options any
---@param types table<string, string>
---@param names string of all, for the message
---@return string name
---@return any value
function M.one_of(call, options, types, names)
  M.check(call, options, types)
  local name, value = next(options)
  if not name or next(options, name) then
    errors.misuse(("%s takes one of %s"):format(call, names))
  end
  return name, value
end

local EXISTING = { path = "string", id = "number", name = "string" }

--- How a script names a map or program that the kernel has: by one of path, id and name.
---@param call string
---@param options any
---@return "path"|"id"|"name" how
---@return string|integer what
function M.existing(call, options)
  local how, what = M.one_of(call, options, EXISTING, "path, id and name")
  if how == "id" and not M.is_u32(what) then
    errors.misuse(("%s: id is a number of the kernel's, got %s"):format(call, what))
  end
  return how, what
end

return M
