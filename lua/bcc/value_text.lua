-- Keys and leaves as text, in BCC's form: { 0x1 "name" [ 0x1 0x2 ] }.
local ffi = require "ffi"
local bit = require "bit"
local errors = require "bpf.errors"

local M = {}

local function hex(value)
  local number = tonumber(value)
  if not number or math.abs(number) > 2 ^ 53 then
    return "0x" .. (bit.tohex(ffi.cast("uint64_t", value)):gsub("^0+(.)", "%1"))
  end
  if type(value) == "boolean" then number = value and 1 or 0 end
  return number < 0 and ("-0x%x"):format(-number) or ("0x%x"):format(number)
end

local show

local function show_list(parts, open, close)
  return ("%s %s %s"):format(open, table.concat(parts, " "), close)
end

local SHOW = {
  array = function(types, description, value)
    local element = types[description.element]
    if element.kind == "int" and element.char then
      local text = ffi.string(ffi.cast("const char *", value), description.count)
      return ('"%s"'):format(text:gsub("%z.*", ""):gsub('[\\"]', "\\%0"))
    end
    local parts = {}
    for i = 0, description.count - 1 do
      parts[#parts + 1] = show(types, description.element, value[i])
    end
    return show_list(parts, "[", "]")
  end,
  struct = function(types, description, value)
    local parts = {}
    for _, field in ipairs(description.fields) do
      -- Fields without a name are those of the record around them.
      local inner = field.name and value[field.name] or value
      parts[#parts + 1] = show(types, field.type, inner)
    end
    return show_list(parts, "{", "}")
  end,
}
SHOW.union = SHOW.struct

function show(types, index, value)
  local description = types[index]
  local form = SHOW[description.kind]
  return form and form(types, description, value) or hex(value)
end

--- The text of a value of a layout.
---@param layout {types: table[], root: integer}
---@param value any
---@return string
function M.show(layout, value)
  return show(layout.types, layout.root, value)
end

local function fail(text, at)
  errors.misuse(("cannot read '%s' at character %d"):format(text, at))
end

local read

local function skip_to(text, at, word)
  local _, last = text:find("^%s*" .. word, at)
  if not last then fail(text, at) end
  return last + 1
end

local READ = {
  array = function(types, description, text, at)
    local element = types[description.element]
    if element.kind == "int" and element.char then
      local _, last = text:find('^%s*"', at)
      if not last then fail(text, at) end
      local close = last + 1
      while text:sub(close, close) ~= '"' do
        if close > #text then fail(text, at) end
        close = close + (text:sub(close, close) == "\\" and 2 or 1)
      end
      return (text:sub(last + 1, close - 1):gsub("\\(.)", "%1")), close + 1
    end
    local list = {}
    at = skip_to(text, at, "%[")
    for i = 1, description.count do
      list[i], at = read(types, description.element, text, at)
    end
    return list, skip_to(text, at, "%]")
  end,
  struct = function(types, description, text, at)
    local record = {}
    at = skip_to(text, at, "{")
    for _, field in ipairs(description.fields) do
      local value
      value, at = read(types, field.type, text, at)
      if field.name then
        record[field.name] = value
      else
        for name, inner in pairs(value) do record[name] = inner end
      end
    end
    return record, skip_to(text, at, "}")
  end,
}
READ.union = READ.struct

ffi.cdef [[
unsigned long long ebl_bcc_hex(const char *text, char **end, int base)
  __asm__("strtoull");
]]

function read(types, index, text, at)
  local description = types[index]
  local form = READ[description.kind]
  if form then return form(types, description, text, at) end
  local first, last, sign, digits = text:find("^%s*(-?)(%w+)", at)
  if not first or not digits:find("^0?x?%x+$") then fail(text, at) end
  local base = digits:find("^0x") and 16 or 10
  local value = ffi.C.ebl_bcc_hex(digits, nil, base)
  if sign == "-" then value = ffi.cast("int64_t", 0) - ffi.cast("int64_t", value) end
  return value, last + 1
end

--- The value in such a text, as FFI takes it to make one: numbers, tables by field name.
---@param layout {types: table[], root: integer}
---@param text string
---@return any
function M.read(layout, text)
  local value, at = read(layout.types, layout.root, text, 1)
  if text:find("%S", at) then fail(text, at) end
  return value
end

return M
