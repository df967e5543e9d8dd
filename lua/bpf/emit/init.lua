--- emit: Lua values -> text, JSON lines, CSV, tables and histograms.
--
-- An Out joins a writer (writer.lua) and a mode. The same calls then honour --json and
-- --csv: a script never asks which it is. Each call is one write of whole lines.

local buckets = require "bpf.emit.buckets"
local columns = require "bpf.emit.columns"
local csv = require "bpf.emit.csv"
local decode = require "bpf.decode"
local escape = require "bpf.emit.escape"
local histogram = require "bpf.emit.histogram"
local json = require "bpf.emit.json"
local misuse = require "bpf.decode.misuse"
local text = require "bpf.emit.text"
local writer = require "bpf.emit.writer"

local M = { csv = csv, escape = escape, json = json, text = text, writer = writer }

---@class bpf.Out
---@field writer bpf.Writer
---@field mode "table"|"json"|"csv"
---@field escape boolean whether control characters of strings are escaped
---@field header_format string? what is around the header of a table: "%s" in bold
local Out = {}
Out.__index = Out

local MODES = { table = true, json = true, csv = true }

---@param to bpf.Writer
---@param options { mode: string?, escape: boolean?, header_format: string? }? default:
--- table; escape on a tty
---@return bpf.Out
function M.new(to, options)
  local mode = options and options.mode or "table"
  if not MODES[mode] then
    misuse(("unknown output mode '%s' (table, json or csv)"):format(tostring(mode)))
  end
  local escaped = options and options.escape
  if escaped == nil then
    escaped = to.is_tty
  end
  return setmetatable({ writer = to, mode = mode, escape = escaped,
                        header_format = options and options.header_format }, Out)
end

--- `s` as this output may show it.
---@param s string
---@return string
function Out:safe(s)
  return self.escape and escape.terminal(s, true) or s
end

--- What print() does in scripts. With --json one table or view is that object, anything
--- else {"type":"print","data":TEXT}; with --csv the arguments are the fields of a row.
function Out:print(...)
  if self.mode == "table" then
    self.writer:write(text.line({ escape = self.escape }, ...) .. "\n")
  elseif self.mode == "csv" then
    self.writer:write(self:safe(csv.line({ ... }, select("#", ...))) .. "\n")
  else
    local value = ...
    local is_object = type(value) == "table" or decode.type_of(value)
    if select("#", ...) == 1 and is_object and not json.is_text_only(value) then
      self:json(value)
    else
      self:json { type = "print", data = text.line({}, ...) }
    end
  end
end

--- One JSON line in any mode.
function Out:json(value)
  self.writer:write(json.encode(value) .. "\n")
end

---@param declared bpf.Column[]
---@return bpf.Table
function Out:table(declared)
  return columns.new(self, declared)
end

local function put_histogram(self, forms)
  if self.mode == "table" then
    self.writer:write(forms.text())
  elseif self.mode == "csv" then
    self.writer:write(self:safe(forms.csv()))
  else
    for _, record in ipairs(forms.records()) do
      self:json(record)
    end
  end
end

--- Counts by power of two, in BCC's layout.
---@param data table map or table: slot, or struct with a slot -> count
---@param options bpf.HistogramOptions?
function Out:log2_hist(data, options)
  put_histogram(self, histogram.log2(data, options))
end

--- Counts by value, in BCC's layout.
---@param data table map or table: slot, or struct with a slot -> count
---@param options bpf.HistogramOptions?
function Out:linear_hist(data, options)
  put_histogram(self, histogram.linear(data, options))
end

local function descending(a, b)
  if a.count ~= b.count then
    return a.count > b.count
  end
  return a.text < b.text
end

--- The `n` largest counts with their keys; the fields of a struct key are columns.
---@param data table map or table: key -> count
---@param n integer? all if not given
---@param options { key: string?, count: string? }? names of the columns
function Out:top(data, n, options)
  local rows, type_ = {}, nil
  for key, value in buckets.pairs_of(data) do
    local count = buckets.count_of(value)
    rows[#rows + 1] = { key = key, text = text.format(key), count = count }
    type_ = type_ or decode.type_of(key)
  end
  table.sort(rows, descending)
  local declared = { { name = options and options.count or "count", width = 10,
                       align = "right" } }
  local fields = type_ and type_.fields
  for _, field in ipairs(fields or {}) do
    declared[#declared + 1] = { name = field.name, key = field.name, width = 16 }
  end
  declared[2] = declared[2] or { name = options and options.key or "key", align = "left" }
  local tbl = self:table(declared)
  tbl:header()
  for i = 1, math.min(n or #rows, #rows) do
    local row = { rows[i].count, rows[i].key }
    for j, field in ipairs(fields or {}) do
      row[j + 1] = rows[i].key[field.name]
    end
    tbl:row(row)
  end
end

return M
