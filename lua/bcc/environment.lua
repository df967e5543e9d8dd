-- What a BCC script finds in its globals and in Lua's own libraries. Installed only when
-- such a script runs: a process runs one script.
local ffi = require "ffi"
local bit = require "bit"
local class = require "bcc.class"

local M = {}


local EXTRA = { string = {}, table = {}, os = {} }

function EXTRA.string.starts(text, prefix)
  return text:sub(1, #prefix) == prefix
end

function EXTRA.string.ends(text, suffix)
  return suffix == "" or text:sub(-#suffix) == suffix
end

--- Without its first characters, as many as `prefix` has.
function EXTRA.string.lstrip(text, prefix)
  return (text:sub(#prefix + 1))
end

--- As a pattern that matches this very text.
function EXTRA.string.escape(text)
  return text:gsub("[%-%.%+%[%]%(%)%$%^%%%?%*]", "%%%0")
end

--- A list of the parts between separators (a pattern, or plain text), at most `most`.
function EXTRA.string.split(text, separator, plain, most)
  separator = separator or "%s+"
  if separator == "" then return { text } end
  local parts, from = {}, 1
  while true do
    local first, last = text:find(separator, from, plain)
    if not first or last < first or (most and #parts + 1 == most) then break end
    parts[#parts + 1] = text:sub(from, first - 1)
    from = last + 1
  end
  local rest = text:sub(from)
  if rest ~= "" then parts[#parts + 1] = rest end
  return parts
end

function EXTRA.table.count(data)
  local count = 0
  for _ in pairs(data) do count = count + 1 end
  return count
end

--- The place of `value` in a sorted list, or nil. `key_of` gives what to compare.
function EXTRA.table.bsearch(list, value, key_of)
  local low, high = 1, #list
  while low <= high do
    local middle = math.floor((low + high) / 2)
    local found = key_of and key_of(list[middle]) or list[middle]
    if found == value then return middle end
    if found > value then high = middle - 1 else low = middle + 1 end
  end
  return nil
end

function EXTRA.table.join(a, b)
  assert(a, "table.join takes a list first")
  if not b or #b == 0 then return a end
  local joined = {}
  for _, list in ipairs { a, b } do
    for _, value in ipairs(list) do joined[#joined + 1] = value end
  end
  return joined
end

--- A list of what an iterator gives; `build` gets all values of one step in a list.
function EXTRA.table.build(iterator, build)
  local built = {}
  while true do
    local values = { iterator() }
    if values[1] == nil then return built end
    built[#built + 1] = build and build(values) or not build and values or nil
  end
end

function EXTRA.table.values(data)
  local values = {}
  for _, value in pairs(data) do values[#values + 1] = value end
  return values
end

--- Iterates over a list of pairs.
function EXTRA.table.tuples(list)
  local place = 0
  return function()
    place = place + 1
    if list[place] then return list[place][1], list[place][2] end
  end
end

function EXTRA.os.exists(path)
  local file = io.open(path, "r")
  if file then file:close() end
  return file ~= nil
end

--- What a shell command, put together like string.format, says on standard output.
function EXTRA.os.spawn(...)
  local process = assert(io.popen(string.format(...)))
  local text = process:read("*a")
  process:close()
  return text
end

--- A number, a 64-bit integer or a pointer, as %p shows it.
local function address_text(value)
  if type(value) == "number" then return ("0x%x"):format(value) end
  local is_pointer = type(value) == "cdata" and tonumber(value) == nil
  if is_pointer then value = ffi.cast("uintptr_t", value) end
  local number = ffi.cast("uint64_t", value)
  return "0x" .. (bit.tohex(number):gsub("^0+(.)", "%1"))
end

local own_format = string.format

--- string.format whose %p takes what BPF programs call addresses: 64-bit integers too.
local function format(text, ...)
  if not text:find("%%[-0-9.]*p") then return own_format(text, ...) end
  local values, place = { ... }, 0
  local count = select("#", ...)
  local changed = text:gsub("%%([-+ #0-9.]*)(.)", function(flags, letter)
    if letter == "%" then return nil end
    place = place + 1
    if letter ~= "p" then return nil end
    local value = values[place]
    local numeric = type(value) == "number" or type(value) == "cdata"
    values[place] = numeric and address_text(value) or own_format("%p", value)
    return "%" .. flags:gsub("[+ #0]", "") .. "s"
  end)
  return own_format(changed, unpack(values, 1, count))
end

local function percent(text, values)
  if values == nil then return text end
  if type(values) == "table" then return string.format(text, unpack(values)) end
  return string.format(text, values)
end

local log = { enabled = false }

--- A line on standard error, where the runner's -v asked for it.
function log.info(...)
  if not log.enabled then return end
  local caller = debug.getinfo(2, "Sl")
  io.stderr:write(("[%s] %s:%d %s\n"):format(os.date "%H:%M:%S", caller.short_src,
                                             caller.currentline, string.format(...)))
end

--- Adds to Lua's libraries, and gives `chunk` globals of its own that know no undeclared
--- names. The main chunk may declare some.
---@param chunk function
---@param verbose boolean? log.info shows
---@return table globals
function M.install(chunk, verbose)
  for name, functions in pairs(EXTRA) do
    for key, value in pairs(functions) do _G[name][key] = value end
  end
  string.format = format -- luacheck: ignore 122
  getmetatable("").__mod = percent
  log.enabled = verbose or false
  _G.log, _G.class = log, class.new -- luacheck: ignore 122
  local globals = {}
  setmetatable(globals, {
    __index = function(_, name)
      local value = _G[name]
      if value == nil then
        error(("attempt to read undeclared variable %s"):format(tostring(name)), 2)
      end
      return value
    end,
    __newindex = function(_, name, value)
      if debug.getinfo(2, "S").what ~= "main" and rawget(_G, name) == nil then
        error(("attempt to write to undeclared variable %s"):format(tostring(name)), 2)
      end
      rawset(globals, name, value)
    end,
  })
  globals._G = globals
  setfenv(chunk, globals)
  return globals
end

return M
