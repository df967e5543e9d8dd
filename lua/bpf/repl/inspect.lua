-- How values look at the prompt.
local bit = require "bit"
local color = require "bpf.color"
local decode = require "bpf.decode"
local text = require "bpf.emit.text"
local escape = require "bpf.emit.escape"

local M = {}

local MOST_ITEMS, MOST_DEPTH, WIDTH = 50, 4, 76

local function painted(kind, shown, state)
  return state.color and color.paint(kind, shown) or shown
end

--- The lines of a text that stands alone are the user's own.
local function quoted(value, is_alone)
  return '"' .. escape.terminal((value:gsub('[\\"]', "\\%0")), is_alone) .. '"'
end

local function is_name(key)
  return type(key) == "string" and key:match("^[%a_][%w_]*$") ~= nil
end

local function by_kind(a, b)
  local kind_a, kind_b = type(a), type(b)
  if kind_a ~= kind_b then return kind_a < kind_b end
  if kind_a == "number" or kind_a == "string" then return a < b end
  return tostring(a) < tostring(b)
end

local show

local function items_of(value, depth, state)
  local items, keys, length = {}, {}, #value
  for i = 1, math.min(length, MOST_ITEMS) do
    items[i] = show(value[i], depth + 1, state)
  end
  for key in pairs(value) do
    local listed = type(key) == "number" and key % 1 == 0 and key >= 1 and key <= length
    if not listed then keys[#keys + 1] = key end
  end
  table.sort(keys, by_kind)
  for _, key in ipairs(keys) do
    if #items >= MOST_ITEMS then break end
    local name = is_name(key) and key or "[" .. show(key, depth + 1, state) .. "]"
    items[#items + 1] = name .. " = " .. show(value[key], depth + 1, state)
  end
  local left = length + #keys - #items
  if left > 0 then items[#items + 1] = ("… %d more"):format(left) end
  return items
end

--- On one line, or on one each where that is too long.
local function in_braces(items, depth, before)
  local line = "{ " .. table.concat(items, ", ") .. " }"
  if #items == 0 then return "{}" end
  local width = #color.plain(line) + 2 * depth + before
  if width <= WIDTH and not line:find("\n") then return line end
  local indent = ("  "):rep(depth + 1)
  return "{\n" .. indent .. table.concat(items, ",\n" .. indent) .. "\n"
         .. ("  "):rep(depth) .. "}"
end

local function table_text(value, depth, state)
  if state[value] then return "{ itself }" end
  if depth >= MOST_DEPTH then return "{ … }" end
  state[value] = true
  local items = items_of(value, depth, state)
  state[value] = nil
  return in_braces(items, depth, 0)
end

--- A field by what its type says: pointers in hexadecimal, enumerators by name.
local function field_text(view, type_, name, depth, state)
  local value, kind = view[name], type_.kind
  if kind == "pointer" then
    return "0x" .. (bit.tohex(value + 0ULL):gsub("^0+(.)", "%1"))
  end
  local enumerator = kind == "enum" and decode.name(view, name)
  local text_ = show(value, depth, state)
  return enumerator and ("%s (%s)"):format(enumerator, text_) or text_
end

local function view_text(view, depth, state)
  local type_, items = decode.type_of(view), {}
  if depth >= MOST_DEPTH then return type_.label .. " { … }" end
  for place, field in ipairs(type_.fields or {}) do
    items[place] = field.name .. " = "
                   .. field_text(view, field.type, field.name, depth + 1, state)
  end
  if not type_.fields then
    for place = 1, math.min(type_.count, MOST_ITEMS) do
      items[place] = field_text(view, type_.element, place, depth + 1, state)
    end
    if type_.count > MOST_ITEMS then
      items[#items + 1] = ("… %d more"):format(type_.count - MOST_ITEMS)
    end
  end
  local label = type_.fields and type_.name and type_.label .. " " or ""
  return label .. in_braces(items, depth, #label)
end

function show(value, depth, state)
  local kind = type(value)
  if kind == "string" then
    return painted("text", quoted(value, depth == 0), state)
  end
  if kind == "cdata" and decode.type_of(value) then
    return view_text(value, depth, state)
  end
  local meta = kind == "table" and getmetatable(value)
  if kind == "table" and not (meta and rawget(meta, "__tostring")) then
    return table_text(value, depth, state)
  end
  local shown = text.format(value, { escape = true })
  local is_plain = kind == "number" or kind == "boolean" or kind == "nil"
  return is_plain and painted("value", shown, state) or shown
end

--- A field of a view, as it stands behind its name.
---@param view ffi.cdata*
---@param type_ bpf.Type
---@param name string
---@return string
function M.field(view, type_, name)
  for _, field in ipairs(type_.fields) do
    if field.name == name then
      local is_text = type(view[name]) == "string"
      return is_text and escape.terminal(view[name])
             or field_text(view, field.type, name, 1, {})
    end
  end
end

--- One value without the quotes of a string.
---@param value any
---@return string
function M.bare(value)
  return type(value) == "string" and escape.terminal(value) or show(value, 1, {})
end

--- One value, over several lines where it is long.
---@param value any
---@return string
function M.text(value)
  return show(value, 0, { color = color.is_on(color.STDOUT) })
end

return M
