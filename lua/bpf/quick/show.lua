-- What a quick probe has collected: as plain Lua tables, and as it is printed.
local bit = require "bit"
local decode = require "bpf.decode"
local look_up = require "bpf.look_up"
local loop = require "bpf.loop"
local output = require "bpf.output"

local M = {}

local function frames(self, id, user, pid)
  local list = {}
  local process = user and (pid or 0) or nil
  local stack = id >= 0 and self.object.maps.quick_stacks:stack(id, process)
  for i, frame in ipairs(stack or {}) do
    list[i] = user and frame.name ~= "[unknown]" and frame.name or tostring(frame)
  end
  return list
end

--- Looks up the names of user stacks that have come since the last call: a process that
--- has ended by the time they are shown has none any more.
---@param self bpf.quick.Handle
---@param known table<string, boolean> those of the calls before
function M.look_up_stacks(self, known)
  for key in self.object.maps.quick_counts:pairs() do
    for place, column in ipairs(self.request.columns) do
      if column.form == "stack" and column.user then
        local id, pid = key["c" .. place], key[self.request.pid_field]
        local name = pid .. " " .. id
        if not known[name] then frames(self, id, true, pid) end
        known[name] = true
      end
    end
  end
end

local function hex(bytes)
  return (bytes:gsub(".", function(char) return ("%02x"):format(char:byte()) end))
end

local function pointer_text(value)
  return "0x" .. (bit.tohex(value + 0ULL):gsub("^0+(.)", "%1"))
end

--- The value of a column as scripts see it. `view` is the row or the key.
local function value_of(self, column, view, place)
  local field = "c" .. place
  local form = column.form
  if form == "bytes" then return hex(view:raw(field)) end
  if form == "address" then return look_up.ntop(view:raw(field)) end
  local value = view[field]
  if form == "function" then return look_up.ksym(value, true) or pointer_text(value) end
  if form == "probe" then return self:probe_name(value) end
  if form == "stack" then
    return frames(self, value, column.user, column.user and view[self.request.pid_field])
  end
  if form == "value" then
    local type_ = decode.type_of(view).fields[place].type
    if type_.kind == "pointer" then return pointer_text(value) end
    if decode.type_of(value) then return decode.totable(value) end
  end
  return value
end

local function row_of(self, view)
  local row = {}
  for place, column in ipairs(self.request.columns) do
    row[column.name] = value_of(self, column, view, place)
  end
  return row
end

--- Tables of the output; those with stacks print them below the row.
local function columns_of(self, before, after)
  local declared = {}
  for _, column in ipairs(before or {}) do declared[#declared + 1] = column end
  for _, column in ipairs(self.request.columns) do
    local width = column.form == "string" and math.min(column.size, 24)
                  or column.name == "comm" and 16 or nil
    declared[#declared + 1] = { name = column.name, key = column.name, width = width,
                                hidden = column.form == "stack" or column.hidden }
  end
  for _, column in ipairs(after or {}) do declared[#declared + 1] = column end
  return declared
end

local function print_stacks(self, tbl, row)
  if not tbl:is_text() then return end
  for _, column in ipairs(self.request.columns) do
    if column.form == "stack" then
      for _, frame in ipairs(row[column.name]) do output.api.print("    " .. frame) end
      output.api.print("")
    end
  end
end

--- trace(): prints each record as it comes.
function M.follow(self)
  local tbl = output.api.table(columns_of(self))
  tbl:header()
  self.object.maps.quick_rows:each(function(view)
    local row = row_of(self, view)
    tbl:row(row)
    print_stacks(self, tbl, row)
  end)
end

local function sort_key(row, columns)
  local parts = {}
  for i, column in ipairs(columns) do
    local value = row[column.name]
    parts[i] = type(value) == "table" and table.concat(value, "\n") or tostring(value)
  end
  return table.concat(parts, "\0")
end

--- A row for each key, those with the largest `amount` first. Keys that look alike (user
--- stacks, in the same functions) are one row.
---@param add fun(row: table, value: any) puts what the map has of a key into its row
local function rows_by(self, amount, add)
  local rows, names, by_name = {}, {}, {}
  for key, value in self.object.maps.quick_counts:pairs() do
    local row = row_of(self, key)
    local name = sort_key(row, self.request.columns)
    local known = by_name[name]
    add(known or row, value)
    if not known and row[amount] then
      rows[#rows + 1], names[row], by_name[name] = row, name, row
    end
  end
  table.sort(rows, function(a, b)
    if a[amount] ~= b[amount] then return a[amount] > b[amount] end
    return names[a] < names[b]
  end)
  return rows
end

local function add_count(row, count) row.count = (row.count or 0) + count end

--- What the CPUs have of a key; nothing where none has a value yet.
local function add_statistics(row, each_cpu)
  for _, one in ipairs(each_cpu) do
    if one.count > 0 then
      add_count(row, one.count)
      row.sum = (row.sum or 0) + one.sum
      if not row.min or one.min < row.min then row.min = one.min end
      if not row.max or one.max > row.max then row.max = one.max end
      row.avg = tonumber(row.sum) / tonumber(row.count)
    end
  end
end

--- Section text -> {row, slots}; one section "" where there are no columns.
local function histograms(self)
  local sections, list = {}, {}
  for key, count in self.object.maps.quick_counts:pairs() do
    local row = row_of(self, key)
    local name = sort_key(row, self.request.columns)
    if not sections[name] then
      sections[name] = { key = row, slots = {}, name = name }
      list[#list + 1] = sections[name]
    end
    sections[name].slots[key.slot] = count
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- What has been counted: for counts a list of {column = value, count = n}, most first;
--- for stats() one of {column = value, count =, sum =, avg =, min =, max =};
--- for histograms {slot = n}, or with `by` a list of {key = {column = value}, slots =}.
---@return table
function M.data(self)
  if self.last then return self.last end
  if not self.object or self.request.verb == "trace" then return {} end
  if self.request.verb == "stats" then return rows_by(self, "sum", add_statistics) end
  if not self.request.slot then return rows_by(self, "count", add_count) end
  local list = histograms(self)
  if #self.request.columns > 0 then return list end
  return list[1] and list[1].slots or {}
end

local function title_of(self, key)
  local parts = {}
  for i, column in ipairs(self.request.columns) do
    local value = key[column.name]
    parts[i] = ("%s = %s"):format(column.name, type(value) == "table"
                                  and table.concat(value, ";") or tostring(value))
  end
  return "\n" .. table.concat(parts, ", ")
end

--- `key`: what it is a histogram of, where there are several; `continues`: it is not the
--- first of them.
local function print_histogram(self, slots, key, continues)
  local request = self.request
  if key and output.is_text() then output.api.print(title_of(self, key)) end
  local labels
  for place, column in ipairs(key and request.columns or {}) do
    labels = labels or {}
    labels[place] = { column.name, key[column.name] }
  end
  local shown, below = {}, nil
  for slot, count in pairs(slots) do
    if not request.step and slot == 0 then below = count else shown[slot] = count end
  end
  if below then output.api.print(("negative: %s"):format(tostring(below))) end
  if next(shown) == nil then return end
  if request.step then
    output.api.print_linear_hist(shown, { unit = request.unit, low = request.low,
                                          step = request.step, labels = labels,
                                          continues = continues })
  else
    output.api.print_log2_hist(shown, { unit = request.unit, labels = labels,
                                        continues = continues })
  end
end

local function number(name, format)
  return { name = name, key = name:lower(), width = 10, align = "right", format = format }
end

-- The columns before those of the key.
local BEFORE = { count = { number "COUNT" },
                 stats = { number "COUNT", number "SUM", number("AVG", "%.1f"),
                           number "MIN", number "MAX" } }

--- Prints what has been counted so far.
---@param self bpf.quick.Handle
---@param most integer? rows at most
function M.print(self, most)
  local request = self.request
  if request.verb == "trace" then return end
  local data = M.data(self)
  if request.slot then
    if #request.columns == 0 then return print_histogram(self, data) end
    for place, entry in ipairs(data) do
      print_histogram(self, entry.slots, entry.key, place > 1)
    end
    return
  end
  local tbl = output.api.table(columns_of(self, BEFORE[request.verb]))
  tbl:header()
  for place = 1, math.min(most or #data, #data) do
    tbl:row(data[place])
    print_stacks(self, tbl, data[place])
  end
  loop.check_output()
end

return M
