--- From a map or table of counts to histogram rows: no text here.

local bit = require "bit"
local decode = require "bpf.decode"
local misuse = require "bpf.decode.misuse"

local M = {}

---@class bpf.Bucket
---@field min number|ffi.cdata*
---@field max number|ffi.cdata*
---@field count number|ffi.cdata*

---@class bpf.Histogram
---@field section any what the keys share besides the slot; nil if they are slots
---@field buckets bpf.Bucket[]
---@field highest integer slot of the last bucket

-- More rows than this are no picture, and a stray key would make millions.
local MOST_ROWS = 1025

--- Pairs of a map, of a list of {key, value}, or of a plain table.
---@return function iterator, any state, any first
function M.pairs_of(data)
  if type(data) ~= "table" then
    misuse(("expected a map or a table of counts, got a %s"):format(type(data)))
  end
  if type(data.pairs) == "function" then
    return data:pairs()
  end
  return pairs(data)
end

--- A count as one number: per-CPU values are added up.
function M.count_of(value)
  if type(value) == "table" and type(value.sum) == "function" then
    return value:sum()
  end
  return value
end

--- Slot and section of a key. Of a struct the slot is the field named so, else the last.
local function split(key)
  local number = type(key) == "number" and key
    or type(key) == "cdata" and not decode.type_of(key) and tonumber(key)
  if number then
    return number
  end
  local names, by_name = {}, key
  if type(key) == "table" then
    for name in pairs(key) do
      names[#names + 1] = name
    end
    table.sort(names, function(a, b)
      return tostring(a) < tostring(b)
    end)
  else
    local type_ = decode.type_of(key)
    if not (type_ and type_.fields) then
      misuse(("a histogram's key is a slot or a struct with one, not a %s"):format(
        type_ and type_.label or type(key)))
    end
    for i, field in ipairs(type_.fields) do
      names[i] = field.name
    end
  end
  local slot, rest = names[#names], {}
  for _, name in ipairs(names) do
    slot = name == "slot" and name or slot
  end
  for _, name in ipairs(names) do
    if name ~= slot then
      rest[#rest + 1] = by_name[name]
    end
  end
  return tonumber(by_name[slot]), #rest == 1 and rest[1] or rest
end

local function section_key(section)
  return type(section) == "table" and table.concat(section, ", ") or tostring(section)
end

--- Sections with their counts by slot, in the order of their names.
local function sections_of(data, first_slot)
  local by_key, list = {}, {}
  for key, value in M.pairs_of(data) do
    local slot, section = split(key)
    if not slot or slot % 1 ~= 0 then
      misuse(("a histogram's slot is an integer, not %s"):format(tostring(slot)))
    end
    slot = math.max(slot, first_slot)
    local name = section_key(section)
    local group = by_key[name]
    if not group then
      if type(section) == "table" then
        section = name
      end
      group = { section = section, name = name, counts = {} }
      by_key[name], list[#list + 1] = group, group
    end
    local count = M.count_of(value)
    if tonumber(count) ~= 0 then
      group.counts[slot] = (group.counts[slot] or 0) + count
      group.lowest = math.min(group.lowest or slot, slot)
      group.highest = math.max(group.highest or slot, slot)
    end
  end
  table.sort(list, function(a, b)
    if type(a.section) == "number" and type(b.section) == "number" then
      return a.section < b.section
    end
    return a.name < b.name
  end)
  return list
end

local function build(data, first_slot, range)
  local histograms = {}
  for _, group in ipairs(sections_of(data, first_slot)) do
    if group.highest then
      local from = math.min(first_slot, group.lowest)
      if first_slot == -math.huge then
        from = math.min(0, group.lowest)
      end
      if group.highest - from >= MOST_ROWS then
        misuse(("slots %d to %d are too many rows for a histogram; "
          .. "a log2 histogram has at most 64"):format(from, group.highest))
      end
      local buckets = {}
      for slot = from, group.highest do
        local min, max = range(slot)
        buckets[#buckets + 1] = { min = min, max = max, count = group.counts[slot] or 0 }
      end
      histograms[#histograms + 1] = {
        section = group.section, buckets = buckets, highest = group.highest,
      }
    end
  end
  return histograms
end

local function power(n)
  return n <= 53 and 2 ^ n or bit.lshift(1ULL, n)
end

--- Slot n counts values from 2^(n-1) to 2^n - 1, slot 1 those from 0 to 1 (bpf_log2l).
---@return bpf.Histogram[]
function M.log2(data)
  return build(data, 1, function(slot)
    if slot > 64 then
      misuse(("slot %d is not one of a log2 histogram (1 to 64)"):format(slot))
    end
    local high = slot == 64 and 0xffffffffffffffffULL or power(slot) - 1
    return slot == 1 and 0 or power(slot - 1), high
  end)
end

--- Slot n counts values from low + n * step on.
---@param low number? 0 if not given
---@param step number? 1 if not given
---@return bpf.Histogram[]
function M.linear(data, low, step)
  low, step = low or 0, step or 1
  return build(data, -math.huge, function(slot)
    local min = low + slot * step
    return min, min + step - 1
  end)
end

--- The rows without empty ones at the start.
---@param buckets bpf.Bucket[]
---@return bpf.Bucket[]
function M.trimmed(buckets)
  local first = 1
  while first < #buckets and tonumber(buckets[first].count) == 0 do
    first = first + 1
  end
  return { unpack(buckets, first) }
end

return M
