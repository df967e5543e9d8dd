-- How values look at the prompt.
local decode = require "bpf.decode"
local text = require "bpf.emit.text"
local escape = require "bpf.emit.escape"

local M = {}

local MOST_ITEMS, MOST_DEPTH, WIDTH = 50, 4, 76

local function quoted(value)
  return '"' .. escape.terminal((value:gsub('[\\"]', "\\%0")), true) .. '"'
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

local function items_of(value, depth, seen)
  local items, keys, length = {}, {}, #value
  for i = 1, math.min(length, MOST_ITEMS) do
    items[i] = show(value[i], depth + 1, seen)
  end
  for key in pairs(value) do
    local listed = type(key) == "number" and key % 1 == 0 and key >= 1 and key <= length
    if not listed then keys[#keys + 1] = key end
  end
  table.sort(keys, by_kind)
  for _, key in ipairs(keys) do
    if #items >= MOST_ITEMS then break end
    local name = is_name(key) and key or "[" .. show(key, depth + 1, seen) .. "]"
    items[#items + 1] = name .. " = " .. show(value[key], depth + 1, seen)
  end
  local left = length + #keys - #items
  if left > 0 then items[#items + 1] = ("… %d more"):format(left) end
  return items
end

local function table_text(value, depth, seen)
  if seen[value] then return "{ itself }" end
  if depth >= MOST_DEPTH then return "{ … }" end
  seen[value] = true
  local items = items_of(value, depth, seen)
  seen[value] = nil
  local line = "{ " .. table.concat(items, ", ") .. " }"
  if #items == 0 then return "{}" end
  if #line + 2 * depth <= WIDTH and not line:find("\n") then return line end
  local indent = ("  "):rep(depth + 1)
  return "{\n" .. indent .. table.concat(items, ",\n" .. indent) .. "\n"
         .. ("  "):rep(depth) .. "}"
end

function show(value, depth, seen)
  local kind = type(value)
  if kind == "string" then return quoted(value) end
  if kind == "cdata" and decode.type_of(value) then
    return table_text(decode.view.totable(value), depth, seen)
  end
  local meta = kind == "table" and getmetatable(value)
  if kind == "table" and not (meta and rawget(meta, "__tostring")) then
    return table_text(value, depth, seen)
  end
  return text.format(value, { escape = true })
end

--- One value, over several lines where it is long.
---@param value any
---@return string
function M.text(value)
  return show(value, 0, {})
end

return M
