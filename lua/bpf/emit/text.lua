--- Values as people read them: what print() shows.

local decode = require "bpf.decode"
local escape = require "bpf.emit.escape"
local scalar = require "bpf.emit.scalar"

local M = {}

---@class bpf.TextOptions
---@field depth integer? levels of tables and views to open, 2 if not given
---@field escape boolean? escape control characters of top-level strings too

local format

local function order(a, b)
  local x, y = type(a), type(b)
  if x ~= y then
    return x < y
  elseif x == "number" or x == "string" then
    return a < b
  end
  return tostring(a) < tostring(b)
end

local function table_items(t, depth, put)
  for i = 1, #t do
    put(nil, t[i])
  end
  local keys = {}
  for key in pairs(t) do
    local listed = type(key) == "number" and key >= 1 and key <= #t and key % 1 == 0
    if not listed then
      keys[#keys + 1] = key
    end
  end
  table.sort(keys, order)
  for _, key in ipairs(keys) do
    local plain = type(key) == "string" and key:find "^[%a_][%w_]*$"
    put(plain and key or "[" .. format(key, depth) .. "]", t[key])
  end
end

function format(v, depth)
  local kind = type(v)
  if kind == "string" then
    return '"' .. escape.terminal((v:gsub('[\\"]', "\\%0"))) .. '"'
  elseif kind == "number" then
    return scalar.number(v)
  elseif scalar.is_integer_cdata(v) then
    return scalar.integer(v)
  end
  local type_ = kind == "cdata" and decode.type_of(v)
  local meta = kind == "table" and getmetatable(v)
  if not type_ and (kind ~= "table" or meta and meta.__tostring) then
    return tostring(v)
  elseif depth == 0 then
    return "{...}"
  end
  local items = {}
  local function put(name, value)
    local text = format(value, depth - 1)
    items[#items + 1] = name and name .. "=" .. text or text
  end
  if type_ then
    for key, value in decode.fields(v) do
      put(type_.fields and key or nil, value)
    end
  else
    table_items(v, depth, put)
  end
  return "{" .. table.concat(items, ", ") .. "}"
end

--- One value: strings as they are at the top, in quotes and escaped inside.
---@param value any
---@param options bpf.TextOptions?
---@return string
function M.format(value, options)
  if type(value) == "string" then
    return options and options.escape and escape.terminal(value, true) or value
  end
  return format(value, options and options.depth or 2)
end

--- All arguments with tabs between them, as print() does; no line end.
---@param options bpf.TextOptions
---@return string
function M.line(options, ...)
  local parts = {}
  for i = 1, select("#", ...) do
    parts[i] = M.format((select(i, ...)), options)
  end
  return table.concat(parts, "\t")
end

decode.on_tostring(function(view)
  return format(view, 2)
end)

return M
