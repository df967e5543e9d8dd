-- `-l`: the probes that there are, sorted, as they are found; with -v what is in them.
local describe = require "bpf.discovery.describe"
local errors = require "bpf.errors"
local output = require "bpf.output"
local probes = require "bpf.probes"
local types = require "bpf.discovery.types"

local M = {}

local function declaration(argument)
  local type_, dimension = argument.type:match("^(.-)(%[%w+%])$")
  type_ = type_ or argument.type
  local no_space = argument.name == "" or type_:find("%*$")
  return type_ .. (no_space and "" or " ") .. argument.name .. (dimension or "")
end

local function print_description(probe, description)
  output.api.print(probe)
  for _, argument in ipairs(description.arguments) do
    output.api.print("    " .. declaration(argument))
    for _, entry in ipairs(argument.values or {}) do
      output.api.print(("        %s = %s"):format(entry.name, tostring(entry.value)
                                                  :gsub("U?LL$", "")))
    end
  end
  if description.result then output.api.print("    returns " .. description.result) end
end

local function number_of(kind, name)
  if kind ~= "syscall" then return nil end
  return require("bpf.look_up").syscall_number(name)
end

local function listed_columns(kind)
  local columns = { { name = "probe" } }
  if kind == "syscall" then columns[2] = { name = "number" } end
  return columns
end

local function described_columns(kind)
  local columns = listed_columns(kind)
  columns[#columns + 1] = { name = "arguments" }
  columns[#columns + 1] = { name = "result" }
  return columns
end

local function list_text(kind, names, describe_one)
  for _, name in ipairs(names) do
    local number = number_of(kind, name)
    local probe = ("%s:%s%s"):format(kind, name, number and " " .. number or "")
    if describe_one then print_description(probe, describe_one(name))
    else output.api.print(probe) end
  end
end

local function list_rows(kind, names, describe_one)
  local tbl = output.api.table(describe_one and described_columns(kind)
                               or listed_columns(kind))
  for _, name in ipairs(names) do
    local row = { probe = kind .. ":" .. name, number = number_of(kind, name) }
    if describe_one then
      local description = describe_one(name)
      row.arguments, row.result = description.arguments, description.result
    end
    tbl:row(row)
  end
end

local function list_pattern(pattern, verbose)
  local keyword, glob = types.split(pattern)
  if keyword then return types.list(keyword, glob, verbose) end
  probes.each_kind(pattern, function(kind, names, wanted)
    local show = output.is_text() and list_text or list_rows
    show(kind, names, verbose and describe.of(kind, wanted) or nil)
  end)
end

---@param patterns string[] none: all that there is
---@param verbose boolean
function M.run(patterns, verbose)
  if #patterns == 0 and verbose then
    error(errors.new { stage = "usage", code = "invalid",
                       message = "-l -v of all probes is hundreds of thousands of lines",
                       hint = "name some: -l -v 'tracepoint:sched:*'; '*' is all" }, 0)
  end
  if #patterns == 0 then return list_pattern("*", verbose) end
  for _, pattern in ipairs(patterns) do list_pattern(pattern, verbose) end
end

return M
