--- Tables: one declaration of columns, three forms of output.

local buffer = require "string.buffer"
local csv = require "bpf.emit.csv"
local escape = require "bpf.emit.escape"
local json = require "bpf.emit.json"
local misuse = require "bpf.decode.misuse"
local text = require "bpf.emit.text"

local M = {}

---@class bpf.Column
---@field name string header, shown in upper case
---@field key string? field of a row and JSON key; from the name if not given
---@field width integer? by default that of the header, at least 7
---@field align "left"|"right"|nil by default numbers right, text left
---@field unit string? in the header: LAT(us)
---@field format string|fun(value: any, row: any): string|nil for the text form only
---@field hidden boolean? in JSON and CSV only
---@field text_only boolean? in the text form only

---@class bpf.Table
local Table = {}
Table.__index = Table

local function snake(name)
  return (name:lower():gsub("[^%w]+", "_"):gsub("^_", ""):gsub("_$", ""))
end

local function pad(s, width, right)
  local missing = width - escape.width(s)
  if missing <= 0 then
    return s
  end
  return right and (" "):rep(missing) .. s or s .. (" "):rep(missing)
end

--- A table on `out` (see init.lua).
---@param out bpf.Out
---@param declared bpf.Column[]
---@return bpf.Table
function M.new(out, declared)
  local columns = {}
  for i, c in ipairs(declared) do
    if type(c) ~= "table" or type(c.name) ~= "string" then
      misuse(("column %d needs a name: { name = \"PID\", key = \"pid\" }"):format(i))
    end
    local header = c.name:upper() .. (c.unit and "(" .. c.unit .. ")" or "")
    local numeric = c.unit or type(c.format) == "string" and c.format:find "[dufgx]$"
    local is_text = out.mode == "table"
    if not (is_text and c.hidden) and not (not is_text and c.text_only) then
      columns[#columns + 1] = {
        header = header, key = c.key or snake(header), format = c.format, place = i,
        width = c.width or math.max(#header, 7), align = c.align or numeric and "right",
      }
    end
  end
  return setmetatable({ out = out, columns = columns, started = false }, Table)
end

--- Whether rows are text for people: what goes with a row can then be printed below it.
---@return boolean
function Table:is_text()
  return self.out.mode == "table"
end

local function line_of(self, cells, rights)
  local parts, columns = {}, self.columns
  for i, column in ipairs(columns) do
    local last = i == #columns
    local unbounded = last and not rights[i]
    parts[i] = unbounded and cells[i] or pad(cells[i], column.width, rights[i])
  end
  return table.concat(parts, " ")
end

--- Writes the header now instead of before the first row.
function Table:header()
  if self.started then
    return
  end
  self.started = true
  local cells, rights, keys = {}, {}, {}
  for i, column in ipairs(self.columns) do
    cells[i], keys[i], rights[i] = column.header, column.key, column.align == "right"
  end
  if self.out.mode == "csv" then
    self.out.writer:write(csv.line(keys) .. "\n")
  elseif self.out.mode == "table" then
    local text_ = line_of(self, cells, rights)
    self.out.writer:write((self.out.header_format or "%s"):format(text_) .. "\n")
  end
end

local function cell(column, value, row)
  local format = column.format
  if value == nil then
    return "-"
  elseif type(format) == "function" then
    value = format(value, row)
  elseif format then
    if type(value) == "cdata" and format:find "[aeEfgG]$" then
      value = tonumber(value) -- %d takes 64-bit integers, %f does not
    end
    return format:format(value)
  end
  return escape.terminal(text.format(value))
end

local function json_line(columns, values)
  local out = buffer.new()
  for i, column in ipairs(columns) do
    out:put(i == 1 and "{" or ",")
    json.append_string(out, column.key)
    out:put ":"
    json.append(out, values[i])
  end
  return out:put("}\n"):get()
end

--- Writes one row.
---@param row table|ffi.cdata* by column key, or a list in column order, or a view
function Table:row(row)
  local columns, values = self.columns, {}
  local listed = type(row) == "table" and row[1] ~= nil
  for i, column in ipairs(columns) do
    values[i] = row[listed and column.place or column.key]
    if not column.align and self.out.mode == "table" and values[i] ~= nil then
      local kind = type(values[i])
      column.align = (kind == "number" or kind == "cdata") and "right" or "left"
    end
  end
  self:header()
  if self.out.mode == "json" then
    self.out.writer:write(json_line(columns, values))
  elseif self.out.mode == "csv" then
    self.out.writer:write(self.out:safe(csv.line(values, #columns)) .. "\n")
  else
    local cells, rights = {}, {}
    for i, column in ipairs(columns) do
      cells[i] = cell(column, values[i], row)
      rights[i] = column.align == "right"
    end
    self.out.writer:write(line_of(self, cells, rights) .. "\n")
  end
end

return M
