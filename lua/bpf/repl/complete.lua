-- What may stand where Tab is pressed: Lua names; in strings, probes and C expressions.
local host = require "bpf.host"
local probe = require "bpf.quick.probe"
local probes = require "bpf.probes"

local M = {}

local MOST = 200

local function starting(names, prefix, before)
  local found = {}
  for _, name in ipairs(names) do
    if name:sub(1, #prefix) == prefix then found[#found + 1] = (before or "") .. name end
    if #found == MOST then break end
  end
  return found
end

local function add_keys(keys, value)
  if type(value) ~= "table" then return end
  for key in pairs(value) do
    if type(key) == "string" and key:match("^%a[%w_]*$") then keys[key] = true end
  end
end

--- The member names of a table, those of its class included.
local function members(value)
  local keys = {}
  add_keys(keys, value)
  local meta = type(value) == "table" and getmetatable(value)
  if type(meta) == "table" then
    add_keys(keys, meta)
    add_keys(keys, rawget(meta, "__index"))
  end
  local list = {}
  for key in pairs(keys) do list[#list + 1] = key end
  table.sort(list)
  return list
end

--- "bpf.lo", "p:st": looked up in what is there; nothing is called.
local function lua_names(environment, word)
  local path, mark, last = word:match("^(.*)([%.:])([%w_]*)$")
  if not path then
    local names = members(environment)
    for _, name in ipairs(members(_G)) do names[#names + 1] = name end
    return starting(names, word)
  end
  local value = environment
  for name in path:gmatch("[^%.:]+") do
    if type(value) ~= "table" then return {} end
    local inside = rawget(value, name)
    if inside == nil and value == environment then inside = _G[name] end
    value = inside
  end
  return starting(members(value), last, path .. mark)
end

local KINDS = { "tracepoint:", "raw_tracepoint:", "tp_btf:", "kprobe:", "kretprobe:",
                "fentry:", "fexit:", "ksyscall:", "kretsyscall:", "uprobe:", "uretprobe:",
                "usdt:", "perf:cpu-clock:99hz", "interval:1s" }

local function listed(pattern)
  local ok, found = pcall(probes.list, pattern)
  return ok and found or {}
end

--- Categories before events: 60 of them, not 2,000.
local function tracepoint_words(word)
  if word:match("^tracepoint:[^:]*$") then
    local categories, seen = {}, {}
    for _, spec in ipairs(listed(word .. "*:*")) do
      local category = spec:match("^tracepoint:[^:]*:")
      if not seen[category] then
        seen[category] = true
        categories[#categories + 1] = category
      end
    end
    return categories
  end
  return starting(listed(word .. "*"), "")
end

local function probe_words(word)
  if not word:find(":", 1, true) then return starting(KINDS, word) end
  if word:find("^tracepoint:") then return tracepoint_words(word) end
  if word:find("^usdt:") or word:find("^u.*probe:[^:]*$") then return {} end
  return starting(listed(word .. "*"), "")
end

local function struct_fields(name)
  local layout = host.kernel_layout("struct " .. name)
  local names = {}
  if not layout then return names end
  for _, field in ipairs(layout.types[layout.root].fields or {}) do
    if field.name ~= "" then names[#names + 1] = field.name end
  end
  return names
end

--- The first probe that the line names.
local function probe_of(line)
  for text in line:gmatch('"([%w_%.]+:[^"]+)"') do
    local ok, found = pcall(probe.new, text)
    if ok then return found end
  end
  return nil
end

local function expression_words(line, word, first)
  local before = line:sub(1, first)
  local struct = before:match("%(struct%s+([%w_]+)%s*%*%s*%)%s*[%w_]+%s*%)%->$")
  if struct then return starting(struct_fields(struct), word) end
  local found = probe_of(line)
  if before:match("args%->$") then
    return found and starting(probe.argument_names(found), word) or {}
  end
  if before:match("%->$") then return {} end
  return starting(probe.builtin_names(found), word)
end

--- Whether the place is inside a string of the line.
local function in_string(line, first)
  local mark
  local at = 1
  while at <= first do
    local char = line:sub(at, at)
    if char == "\\" then at = at + 1
    elseif mark then mark = char ~= mark and mark or nil
    elseif char == '"' or char == "'" then mark = char
    end
    at = at + 1
  end
  return mark ~= nil
end

--- The words for line[first, last), places from 0.
---@param environment table
---@param line string
---@param first integer
---@param last integer
---@return string[]
function M.words(environment, line, first, last)
  local word = line:sub(first + 1, last)
  if not in_string(line, first) then return lua_names(environment, word) end
  local is_first = line:sub(1, first):match("[({,]%s*[\"']$")
  local words = expression_words(line, word, first)
  if is_first and not line:sub(1, first):find("%->$") then
    for _, each in ipairs(probe_words(word)) do words[#words + 1] = each end
  end
  return words
end

return M
