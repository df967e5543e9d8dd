-- A map as it looks at the prompt: a table of its elements, or the bars of a histogram.
local buckets = require "bpf.emit.buckets"
local decode = require "bpf.decode"
local inspect = require "bpf.repl.inspect"
local output = require "bpf.output"

local M = {}

local MOST_ROWS = 20
local ARRAYS = { array = true, percpu_array = true }
local WITHOUT_ELEMENTS = { ringbuf = true, perf_event_array = true, user_ringbuf = true,
                           queue = true, stack = true, bloom_filter = true, arena = true }

--- What is in a key or a value: the fields of a struct, or itself.
local function parts_of(value, name)
  local type_ = decode.type_of(value)
  if not (type_ and type_.fields) then return { { name = name } } end
  local parts = {}
  for i, field in ipairs(type_.fields) do
    parts[i] = { name = field.name, field = field.name }
  end
  return parts
end

local function cell(value, part)
  local type_ = part.field and decode.type_of(value)
  if part.field then return inspect.field(value, type_, part.field) end
  return inspect.bare(value)
end

local function number_of(value)
  local count = buckets.count_of(value)
  return tonumber(count)
end

--- Elements that nobody has written are not shown.
local function is_untouched(map, value)
  if not ARRAYS[map.type] then return false end
  local ok, count = pcall(number_of, value)
  return ok and count == 0
end

--- Most first where the values are counts, else in the order of the map.
local function sort(elements)
  for place, each in ipairs(elements) do
    local ok, count = pcall(number_of, each.value)
    if not ok or not count then return end
    each.count, each.place = count, place
  end
  table.sort(elements, function(a, b)
    if a.count ~= b.count then return a.count > b.count end
    return a.place < b.place
  end)
end

local function is_histogram(map, key, value)
  if not pcall(number_of, value) or not number_of(value) then return false end
  local type_ = decode.type_of(key)
  if type_ and type_.fields then
    for _, field in ipairs(type_.fields) do
      if field.name == "slot" then return true end
    end
  end
  return ARRAYS[map.type] and (map.name:find("hist") or map.name:find("dist")) ~= nil
end

--- With --json and --csv: all elements, values as they are.
local function print_records(elements, keys, values, columns)
  local tbl = output.api.table(columns)
  for _, each in ipairs(elements) do
    local row = {}
    for _, part in ipairs(keys) do
      row[#row + 1] = part.field and each.key[part.field] or each.key
    end
    for _, part in ipairs(values) do
      row[#row + 1] = part.field and each.value[part.field] or each.value
    end
    tbl:row(row)
  end
end

local function print_rows(elements)
  local keys = parts_of(elements[1].key, "key")
  local values = parts_of(elements[1].value, "value")
  local columns = {}
  for _, list in ipairs { keys, values } do
    for _, part in ipairs(list) do columns[#columns + 1] = { name = part.name } end
  end
  if not output.is_text() then return print_records(elements, keys, values, columns) end
  local rows = {}
  for i = 1, math.min(#elements, MOST_ROWS) do
    local row = {}
    for _, part in ipairs(keys) do row[#row + 1] = cell(elements[i].key, part) end
    for _, part in ipairs(values) do row[#row + 1] = cell(elements[i].value, part) end
    for place, text in ipairs(row) do
      columns[place].width = math.max(columns[place].width or 7, math.min(#text, 40))
      columns[place].align = columns[place].align ~= "left"
                             and text:find("^%-?[%dx]%x*$") and "right" or "left"
    end
    rows[i] = row
  end
  local tbl = output.api.table(columns)
  tbl:header()
  for _, row in ipairs(rows) do tbl:row(row) end
  if #elements > MOST_ROWS then
    output.api.print(("… %d more"):format(#elements - MOST_ROWS))
  end
end

--- Prints a map and what is in it.
---@param map bpf.Map
function M.print(map)
  if WITHOUT_ELEMENTS[map.type] then return output.api.print(tostring(map)) end
  local elements, total = {}, 0
  for key, value in map:pairs() do
    total = total + 1
    if not is_untouched(map, value) then
      elements[#elements + 1] = { key = key, value = value }
    end
  end
  local zeros = total - #elements
  if output.is_text() then
    output.api.print(("%s, %d of %d%s"):format(tostring(map), #elements,
                                               map:info().max_entries,
                                               zeros > 0 and ", the others are 0" or ""))
  end
  if #elements == 0 then return end
  if is_histogram(map, elements[1].key, elements[1].value) then
    return output.api.print_log2_hist(map)
  end
  sort(elements)
  print_rows(elements)
end

return M
