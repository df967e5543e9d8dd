--- CSV fields and lines, quoted as in RFC 4180; lines end in \n.

local decode = require "bpf.decode"
local json = require "bpf.emit.json"
local scalar = require "bpf.emit.scalar"

local M = {}

--- One field. Tables and aggregate views inside a row are JSON text.
---@param value any nil and NaN are empty
---@return string
function M.field(value)
  local kind, text = type(value), value
  if value == nil or value ~= value then
    return ""
  elseif kind == "number" then
    return scalar.number(value, true)
  elseif scalar.is_integer_cdata(value) then
    return scalar.integer(value)
  elseif json.is_text_only(value) then
    text = tostring(value)
  elseif kind == "table" or decode.type_of(value) then
    text = json.encode(value)
  elseif kind ~= "string" then
    return tostring(value)
  end
  if text:find '[",\r\n]' or text:find "^%s" or text:find "%s$" then
    return '"' .. text:gsub('"', '""') .. '"'
  end
  return text
end

--- One line without its end.
---@param values any[]
---@param count integer? needed where values may be nil
---@return string
function M.line(values, count)
  local fields = {}
  for i = 1, count or #values do
    fields[i] = M.field(values[i])
  end
  return table.concat(fields, ",")
end

return M
