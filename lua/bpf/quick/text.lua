-- A quick probe as one C text: the columns as a struct, the template of its verb, and a
-- program for each group of probes.
--
-- Each program is entered by a tail call from a small one that stays attached: replacing
-- it is one map update, so an edit misses no event and counts none twice.
local expression = require "bpf.quick.expression"
local located = require "bpf.quick.located"
local probe = require "bpf.quick.probe"

local M = {}

---@class bpf.quick.Request
---@field verb string
---@field title string what diagnostics call the text
---@field groups bpf.quick.Group[]
---@field starts bpf.quick.Group[]? of latency(): the entries
---@field columns bpf.quick.Column[]
---@field filter string?
---@field value string? the expression of hist() and lhist()
---@field defines table<string, string|integer> QUICK_…
---@field slot boolean whether the key ends with a slot
---@field scope string? the processes that it looks at, as a C expression
---@field follow boolean whether these are the command of -c and what it starts
---@field pid_field string? the column with the process of user stacks
---@field maps table<string, bpf.Map>? other objects' maps

local STRUCT = { trace = "quick_row" }
local TEMPLATE = { trace = "quick_trace", count = "quick_count", hist = "quick_hist",
                   latency = "quick_latency", stats = "quick_stats" }

local function sorted_keys(set)
  local keys = {}
  for key in pairs(set) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- The names that expressions mention: in columns and the value, and in the filter.
local function mentioned(request)
  local columns, filter = {}, {}
  for _, column in ipairs(request.columns) do
    if column.form == "function" then columns.func = true
    elseif column.form == "probe" then columns.probe = true
    elseif column.form == "string" and column.text == "comm" then columns.comm = true
    elseif column.form ~= "stack" then
      expression.add_names(column.argument or column.text, columns)
    end
  end
  if request.value then expression.add_names(request.value, columns) end
  if request.defines.QUICK_PAIR then
    expression.add_names(request.defines.QUICK_PAIR, columns)
  end
  if request.filter then expression.add_names(request.filter, filter) end
  return columns, filter
end

M.mentioned = mentioned

local MEMBER = {
  value = function(column) return "quick_type(\n" .. column.text .. "\n) %s" end,
  address = function(column) return "quick_type(\n" .. column.argument .. "\n) %s" end,
  string = function(column) return ("char %%s[%d]"):format(column.size) end,
  join = function(column) return ("char %%s[%d]"):format(column.size) end,
  bytes = function(column) return ("u8 %%s[%d]"):format(column.size) end,
  stack = function() return "s32 %s" end,
  ["function"] = function() return "u64 %s" end,
  probe = function() return "u32 %s" end,
}

local FILL = {
  value = "quick_store(%s, %s);",
  address = "quick_store(%s, %s);",
  string = "bpf_probe_read_str(&%s, sizeof(%s), (const void *)(%s));",
  bytes = "bpf_probe_read(&%s, sizeof(%s), (const void *)(%s));",
  join = "quick_join(%s, sizeof(%s), (const char *const *)(%s));",
  ["function"] = "%s = func;",
  probe = "%s = probe;",
}

local function fill(column, place)
  local to = "(TO).c" .. place
  if column.form == "stack" then
    return ("%s = bpf_get_stackid(ctx, &quick_stacks, %s);")
           :format(to, column.user and "BPF_F_USER_STACK" or "0")
  elseif column.form == "value" or column.form == "address" then
    return FILL[column.form]:format(to, column.argument or column.text)
  elseif column.form == "function" or column.form == "probe" then
    return FILL[column.form]:format(to)
  end
  return FILL[column.form]:format(to, to, column.argument)
end

local function members(request)
  local lines = {}
  for place, column in ipairs(request.columns) do
    local what = ("column %d of %s"):format(place, request.title):gsub('["\\]', "\\%0")
    lines[#lines + 1] = ('#line 0 "%s"\n%s;\n')
      :format(what, MEMBER[column.form](column):format("c" .. place))
  end
  if request.slot then lines[#lines + 1] = "s32 slot;\n" end
  if #lines == 0 then lines[1] = "u32 nothing;\n" end
  return table.concat(lines)
end

local function fills(request)
  local parts = {}
  for place, column in ipairs(request.columns) do parts[place] = fill(column, place) end
  return table.concat(parts, " ")
end

local function program(number, group, request, columns, filter, action)
  local first, done, lines = group[1], {}, {}
  local function put(text, ...) lines[#lines + 1] = text:format(...) end
  put("#undef QUICK_PROBE\n#define QUICK_PROBE(ctx) %s\n",
      group.cookies and "bpf_get_attach_cookie(ctx)" or group.apart and "quick_number()"
      or first.number)
  -- Its pointers are followed by helpers: args->dentry->d_name.name.
  put('SEC("%s") __attribute__((annotate("ebl-context:%s")))\nint quick_%d(%s *ctx)\n{\n',
      first.section, (first.context:gsub("^struct ", "")), number, first.context)
  if request.filter then
    put("%s", probe.prelude(first, filter, done))
    local title = ("the filter of %s"):format(request.title):gsub('["\\]', "\\%0")
    put('\tif (!(\n#line 1 "%s"\n%s\n#line 1 "quick"\n\t)) return 0;\n', title,
        request.filter)
  end
  put("%s", probe.prelude(first, columns, done))
  put("\t%s();\n\treturn 0;\n}\n", action)
  put("PROGS(quick_target_%d, 1);\n", number)
  for _, place in ipairs(probe.places(group)) do
    put('SEC("%s")\nint %s(%s *ctx)\n{\n', place.section or first.section,
        M.entry_name(number, place), first.context)
    if place.entry then put("\tquick_set_number(%d);\n", place.entry) end
    put("\tbpf_tail_call(ctx, &quick_target_%d, 0);\n\treturn 0;\n}\n", number)
    if not place.entry then break end
  end
  return table.concat(lines)
end

--- The program that is attached to a place of the group with this number.
function M.entry_name(number, place)
  return ("quick_entry_%d"):format(number) .. (place.entry and "_" .. place.entry or "")
end

---@param request bpf.quick.Request
---@return string
function M.of(request)
  local columns, filter = mentioned(request)
  local located_names
  if columns.args or filter.args then
    request, located_names = located.rewritten(request)
  end
  local first = request.groups[1][1]
  local lines = {}
  local function put(text, ...) lines[#lines + 1] = text:format(...) end
  for _, group in ipairs(request.groups) do
    if group.apart then lines[1] = "#define QUICK_APART\n" end
  end
  put("#include <ebl/quick.h>\n")
  if request.follow then put("#include <ebl/scope.h>\n") end
  for _, key in ipairs(sorted_keys(request.defines)) do
    put("#define %s %s\n", key, request.defines[key])
  end
  if request.value then put("#define QUICK_VALUE (%s)\n", request.value) end
  local everything = {}
  for name in pairs(columns) do everything[name] = true end
  for name in pairs(filter) do everything[name] = true end
  for _, group in ipairs(request.starts or {}) do
    put("%s", probe.definition(group[1], everything))
  end
  for _, group in ipairs(request.groups) do
    put("%s", probe.definition(group[1], everything))
  end
  put("%s%s", probe.externs(first, columns), located.macros(first, located_names))
  put("struct %s {\n%s};\n#line 1 \"quick\"\n", STRUCT[request.verb] or "quick_key",
      members(request))
  put("#define QUICK_FILL(TO) %s\n", fills(request))
  for _, column in ipairs(request.columns) do
    if column.form == "stack" then
      put("STACKS(quick_stacks, 4096);\n")
      break
    end
  end
  put("#include <ebl/%s.h>\n", TEMPLATE[request.verb])
  local number, pair = 0, {}
  if request.defines.QUICK_PAIR then
    expression.add_names(request.defines.QUICK_PAIR, pair)
  end
  for _, group in ipairs(request.starts or {}) do
    number = number + 1
    put("%s", program(number, group, { title = request.title }, pair, {}, "QUICK_START"))
  end
  for _, group in ipairs(request.groups) do
    number = number + 1
    put("%s", located.macros(group[1], located_names))
    put("%s", program(number, group, request, columns, filter, "QUICK_ACTION"))
  end
  return table.concat(lines)
end

return M
