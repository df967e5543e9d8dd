-- What may stand where Tab is pressed: Lua names; in strings, probes and C expressions.
local fields = require "bpf.repl.fields"
local help = require "bpf.repl.help"
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

--- The member names of a table, those of its class included. A class whose members are
--- not in it says them: __names().
local function members(value)
  local keys = {}
  add_keys(keys, value)
  local meta = type(value) == "table" and getmetatable(value)
  if type(meta) == "table" then
    add_keys(keys, meta)
    add_keys(keys, rawget(meta, "__index"))
    add_keys(keys, rawget(meta, "__names") and meta.__names())
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

local function kind_words(word)
  local kinds = probes.kinds()
  for i, kind in ipairs(kinds) do kinds[i] = kind .. ":" end
  kinds[#kinds + 1], kinds[#kinds + 2] = "interval:1s", "perf:cpu-clock:99hz"
  return starting(kinds, word)
end

--- "uprobe:/usr/bin/ba": files and folders; "uprobe:libcr": libraries.
local function binary_words(word)
  local kind, folder, last = word:match("^([^:]*:)(.-)([^/]*)$")
  local words = {}
  if folder:find("^/") then
    for _, name in ipairs(host.files(folder, true) or {}) do
      words[#words + 1] = kind .. folder .. name .. (name:find("/$") and "" or ":")
    end
  elseif folder == "" and last ~= "" then
    for _, name in ipairs(host.libraries("*")) do
      words[#words + 1] = kind .. name .. ":"
    end
  end
  return starting(words, word)
end

local function probe_words(word)
  if not word:find(":", 1, true) then return kind_words(word) end
  if word:find("^tracepoint:") then return tracepoint_words(word) end
  local is_binary = word:find("^u%l*probe") or word:find("^usdt:")
  if is_binary and not word:find(":.*:") then return binary_words(word) end
  -- A pattern after the file is one of the provider too, or of the probe alone.
  local pattern = word:find("^usdt:") and word:match("^[^:]*:[^:]*:") or word
  return starting(listed(pattern .. "*"), word)
end

--- The first probe that the line names.
local function probe_of(line)
  for text in line:gmatch('"([%w_%.]+:[^"]+)"') do
    local ok, found = pcall(probe.new, text)
    if ok then return found end
  end
  return nil
end

--- `word` is what is replaced; a path's last name is a part of it only behind a point.
local function field_words(line, text, word)
  local names = fields.next(text, probe_of(line))
  if not names then return nil end
  local before, last = word:match("^(.*%.)([^.]*)$")
  return starting(names, last or word, before)
end

local function expression_words(line, text, word)
  return field_words(line, text, word)
         or starting(probe.builtin_names(probe_of(line)), word)
end

--- Where the string begins that the place is in; nil outside of one.
local function string_start(line, first)
  local mark, start
  local at = 1
  while at <= first do
    local char = line:sub(at, at)
    if char == "\\" then at = at + 1
    elseif mark then mark = char ~= mark and mark or nil
    elseif char == '"' or char == "'" then mark, start = char, at
    end
    at = at + 1
  end
  return mark and start
end

--- Whether the string that begins here is the first of a call, or in a list that is.
local function takes_probes(before)
  local inside = before:match("%(([^()]*)$")
  return inside and (not inside:find("[\"']") or inside:find("^%s*{[^}]*$")) ~= nil
end

--- Names of kernel functions: latency() takes them without a kind.
local function function_words(word)
  if #word < 2 then return {} end
  local ok, found = pcall(host.btf_functions, word .. "*")
  return ok and found and starting(found, word) or {}
end

--- Of whole words, what is put in the place of the last part of `whole`.
local function ends_of(words, whole, word)
  for i, each in ipairs(words) do words[i] = each:sub(#whole - #word + 1) end
  return words
end

--- The words for line[first, last), places from 0.
---@param environment table
---@param line string
---@param first integer
---@param last integer
---@return string[]
function M.words(environment, line, first, last)
  local word = line:sub(first + 1, last)
  local start = string_start(line, first)
  if not start then
    -- An arrow is C's: the line is a part of a program.
    local text = line:sub(1, last)
    return text:find("->[%w_.]*$") and field_words(line, text, word)
           or lua_names(environment, word)
  end
  local text, before = line:sub(start + 1, last), line:sub(1, start - 1)
  if before:find("help%s*%(?%s*$") then return starting(help.topics(), word) end
  if takes_probes(before) then
    local words = ends_of(probe_words(text), text, word)
    if before:find("latency%s*%(%s*$") and not text:find(":", 1, true) then
      for _, name in ipairs(function_words(text)) do words[#words + 1] = name end
    end
    if words[1] then return words end
  end
  return expression_words(line, text, word)
end

return M
