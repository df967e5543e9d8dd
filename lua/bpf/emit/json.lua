--- JSON text of Lua values, views and 64-bit integers.
--
-- Keys are in C order for structs and sorted for tables. A table is a list if its keys
-- are 1..n, an object otherwise; an empty one is {}. Integers are exact at any size, NaN
-- and infinities null. Strings are always valid UTF-8 (see escape.lua).

local buffer = require "string.buffer"
local decode = require "bpf.decode"
local escape = require "bpf.emit.escape"
local scalar = require "bpf.emit.scalar"

local M = {}

local DEPTH = 100

-- Strings repeat from event to event (comm, states), so their escaped form is kept.
local kept, kept_count = {}, 0

--- The inside of a JSON string.
---@param s string
---@return string
function M.escaped(s, ...) -- `...`: see bpf.print
  local found = kept[s]
  if not found then
    found = escape.json(s)
    if kept_count == 4096 then
      kept, kept_count = {}, 0
    end
    kept[s], kept_count = found, kept_count + 1
  end
  return found
end

local append

local function key_text(key)
  local kind = type(key)
  if kind == "string" then
    return key
  elseif kind == "number" then
    return scalar.number(key, true)
  elseif scalar.is_integer_cdata(key) then
    return scalar.integer(key)
  elseif kind == "boolean" then
    return tostring(key)
  end
  error(("a %s cannot be a key in JSON"):format(kind), 0)
end

--- Whether the keys are 1..n with n > 0.
local function is_list(t)
  local n = #t
  if n == 0 then
    return false
  end
  local count = 0
  for _ in pairs(t) do
    count = count + 1
  end
  return count == n
end

local function append_table(out, t, depth, parents)
  if parents[t] then
    error("a table that contains itself cannot be JSON", 0)
  end
  parents[t] = true
  if is_list(t) then
    for i = 1, #t do
      out:put(i == 1 and "[" or ",")
      append(out, t[i], depth + 1, parents)
    end
    out:put "]"
  else
    local names, values = {}, {}
    for key, value in pairs(t) do
      local name = key_text(key)
      names[#names + 1] = name
      values[name] = value
    end
    table.sort(names)
    out:put "{"
    for i = 1, #names do
      out:put(i == 1 and '"' or ',"', M.escaped(names[i]), '":')
      append(out, values[names[i]], depth + 1, parents)
    end
    out:put "}"
  end
  parents[t] = nil
end

local function append_view(out, view, type_, depth, parents)
  local fields = type_.fields
  if not fields then
    out:put "["
    for i = 1, type_.count do
      if i > 1 then
        out:put ","
      end
      append(out, view[i], depth + 1, parents)
    end
    out:put "]"
    return
  end
  out:put "{"
  for i = 1, #fields do
    local name = fields[i].name
    out:put(i == 1 and '"' or ',"', M.escaped(name), '":')
    append(out, view[name], depth + 1, parents)
  end
  out:put "}"
end

function append(out, v, depth, parents)
  local kind = type(v)
  if kind == "number" then
    if v == math.floor(v) and v < 1e14 and v > -1e14 then
      out:put(v)
    elseif v - v ~= 0 then -- NaN, infinities
      out:put "null"
    else
      out:put(scalar.number(v, true))
    end
  elseif kind == "string" then
    out:put('"', M.escaped(v), '"')
  elseif kind == "boolean" or kind == "nil" then
    out:put(v == nil and "null" or tostring(v))
  elseif depth > DEPTH then
    error(("more than %d levels of tables cannot be JSON"):format(DEPTH), 0)
  elseif kind == "table" then
    append_table(out, v, depth, parents)
  elseif scalar.is_integer_cdata(v) then
    out:put(scalar.integer(v))
  else
    local type_ = decode.type_of(v)
    if not type_ then
      error(("a %s cannot be JSON"):format(kind), 0)
    end
    append_view(out, v, type_, depth, parents)
  end
end

--- Appends `value` to a string.buffer.
---@param out string.buffer
function M.append(out, value)
  append(out, value, 0, {})
end

--- Appends a string as JSON, with quotes.
---@param out string.buffer
---@param s string
function M.append_string(out, s)
  out:put('"', M.escaped(s), '"')
end

local scratch = buffer.new()

--- Raises for functions, cycles, and keys that JSON has no form for.
---@param value any
---@return string
function M.encode(value)
  scratch:reset()
  local ok, err = pcall(append, scratch, value, 0, {})
  if not ok then
    scratch:reset()
    error(err, 2)
  end
  return scratch:get()
end

--- Whether a table has a text (__tostring) and no JSON: a map, a program.
---@param value any
---@return boolean
function M.is_text_only(value)
  local meta = type(value) == "table" and getmetatable(value)
  if type(meta) ~= "table" or not rawget(meta, "__tostring") then return false end
  return not pcall(M.encode, value)
end

return M
