-- Fields of tracepoints that are elsewhere in the record, with their place in their stead
-- (__data_loc, __rel_loc): args->NAME is a pointer to them.
local expression = require "bpf.quick.expression"
local tracepoint_format = require "bpf.tracepoint_format"

local M = {}

-- Place and length are the halves of the word; a __rel_loc counts from behind itself.
local ADDRESS = {
  data_loc = "(const char *)(args) + ((args)->data_loc_%s & 0xffff)",
  rel_loc = "(const char *)&(args)->rel_loc_%s + 4 + ((args)->rel_loc_%s & 0xffff)",
}

---@class bpf.quick.Located
---@field type string of its elements
---@field address string C expression of `args`

---@param probe bpf.quick.Probe keeps them
---@return table<string, bpf.quick.Located> by the field's name
local function fields(probe)
  if probe.located then return probe.located end
  local event, found = probe.spec:match "^tracepoint:(.+)$", {}
  for _, field in ipairs(event and tracepoint_format.fields(event) or {}) do
    local where, type_ = field.type:match "^__(%a+_loc)%s+(.-)%[?%]?$"
    if ADDRESS[where] then
      found[field.name] = { type = type_,
                            address = ADDRESS[where]:gsub("%%s", field.name) }
    end
  end
  probe.located = found
  return found
end

--- `args->NAME` in a text as a macro's call; what compares it compares what it points to.
local function with_macros(text, names)
  if not text then return nil end
  local tokens = expression.tokens(text)
  for i = #tokens - 2, 1, -1 do
    local name = tokens[i + 2].text
    local before = tokens[i - 1] and tokens[i - 1].text
    if tokens[i].text == "args" and tokens[i + 1].text == "->" and names[name]
       and before ~= "->" and before ~= "." then
      text = text:sub(1, tokens[i].from - 1) .. ("QUICK_FIELD_%s(args)"):format(name)
             .. text:sub(tokens[i + 2].to + 1)
    end
  end
  return (text:gsub("quick_equal%((QUICK_FIELD_)", "quick_equal_at(%1"))
end

--- Columns that are nothing but such a field of characters are shown as strings.
---@param columns bpf.quick.Column[]
---@param probe bpf.quick.Probe the first of those that are looked at
function M.show_strings(columns, probe)
  for _, column in ipairs(columns) do
    local name = column.form == "value" and column.text:match "^args%s*%->%s*([%w_]+)$"
    local field = name and fields(probe)[name]
    if field and field.type:find "char$" then
      column.form, column.argument, column.size = "string", column.text,
                                                  expression.STRING_SIZE
    end
  end
end

--- The request with such fields as macros, and their names; itself and nil without any.
---@param request bpf.quick.Request mentions `args`
---@return bpf.quick.Request
---@return string[]? names
function M.rewritten(request)
  local names, list = {}, {}
  for _, group in ipairs(request.groups) do
    for name in pairs(fields(group[1])) do
      if not names[name] then list[#list + 1] = name end
      names[name] = true
    end
  end
  if #list == 0 then return request, nil end
  table.sort(list)
  local out = setmetatable({ columns = {} }, { __index = request })
  out.filter = with_macros(request.filter, names)
  out.value = with_macros(request.value, names)
  for place, column in ipairs(request.columns) do
    out.columns[place] = setmetatable({ text = with_macros(column.text, names),
                                        argument = with_macros(column.argument, names) },
                                      { __index = column })
  end
  return out, list
end

--- C that defines the macros for a probe: of those that it has otherwise, the member.
---@param probe bpf.quick.Probe
---@param names string[]?
---@return string
function M.macros(probe, names)
  local own, lines = names and fields(probe) or {}, {}
  for _, name in ipairs(names or {}) do
    local field = own[name]
    local value = field and ("((const %s *)(%s))"):format(field.type, field.address)
                  or ("(args)->%s"):format(name)
    lines[#lines + 1] = ("#undef QUICK_FIELD_%s\n#define QUICK_FIELD_%s(args) %s\n")
                        :format(name, name, value)
  end
  return table.concat(lines)
end

return M
