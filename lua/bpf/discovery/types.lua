-- `-l -v 'struct task_struct'`: the kernel's types, with offsets and sizes.
local host = require "bpf.host"
local errors = require "bpf.errors"
local nearest = require "bpf.nearest"
local output = require "bpf.output"
local probes = require "bpf.probes"

local M = {}

--- "struct", "task_*" of "struct task_*"; nil for a pattern of probes.
---@param pattern string
---@return string? keyword
---@return string? glob
function M.split(pattern)
  local keyword, glob = pattern:match("^(%a+)%s+(%S+)$")
  if keyword == "struct" or keyword == "union" or keyword == "enum" then
    return keyword, glob
  end
  return nil
end

--- Offsets and sizes are bytes; a bit-field has the bit where it begins behind them.
local function place_text(_, row)
  if row.bits then return ("%d:%d"):format(row.offset, row.bit) end
  return tostring(row.offset)
end

local function size_text(_, row)
  return row.bits and row.bits .. "b" or tostring(row.size)
end

local function indented(_, row)
  return ("  "):rep(row.depth) .. row.declaration
end

local function show_members(name, tbl)
  local members = errors.check(host.type_members(name))
  if tbl:is_text() then output.api.print(("%s: %d bytes"):format(name, members.size)) end
  tbl:header()
  for _, member in ipairs(members) do
    local is_bits = member.bits > 0
    tbl:row { type = name, name = member.name, declaration = member.declaration,
              offset = math.floor(member.offset / 8), size = member.size,
              bit = is_bits and member.offset % 8 or nil,
              bits = is_bits and member.bits or nil, depth = member.depth }
  end
end

local function member_table()
  return output.api.table {
    { name = "type", hidden = true },
    { name = "offset", width = 9, align = "right", format = place_text },
    { name = "bit", hidden = true }, { name = "bits", hidden = true },
    { name = "size", width = 7, align = "right", format = size_text },
    { name = "name", hidden = true }, { name = "depth", hidden = true },
    { name = "member", key = "declaration", align = "left", format = indented },
  }
end

local function show_values(name, tbl)
  local layout = errors.check(host.kernel_layout(name))
  if tbl:is_text() then output.api.print(name) end
  tbl:header()
  for _, entry in ipairs(layout.types[layout.root].values) do
    tbl:row { type = name, value = entry.value, name = entry.name }
  end
end

local function value_table()
  return output.api.table {
    { name = "type", hidden = true }, { name = "value", width = 12, align = "right" },
    { name = "name", align = "left" },
  }
end

--- Lists the types that a pattern matches; with `whole` what is in them.
---@param keyword "struct"|"union"|"enum"
---@param glob string
---@param whole boolean
function M.list(keyword, glob, whole)
  local names = errors.check(host.type_names(keyword, glob))
  if #names == 0 then
    local wanted = glob:gsub("[*?]", "")
    local found = nearest.find(wanted, errors.check(host.type_names(keyword, "*")))
    error(errors.new { stage = "attach", code = "not_found",
                       message = ("no type matches '%s %s'"):format(keyword, glob),
                       hint = found and ("did you mean '%s %s'?"):format(keyword, found)
                     }, 0)
  end
  local show = keyword == "enum" and show_values or show_members
  local make = keyword == "enum" and value_table or member_table
  local rows = output.is_text() or make()
  for place, name in ipairs(names) do
    local whole_name = keyword .. " " .. name
    if not whole then
      if output.is_text() then output.api.print(whole_name)
      else output.api.print { type = whole_name } end
    else
      if output.is_text() and place > 1 then output.api.print("") end
      show(whole_name, output.is_text() and make() or rows)
    end
  end
end

M.is_glob = probes.is_glob

return M
