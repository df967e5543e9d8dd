-- What was lost, by map and program: counted, and said on standard error and in JSON.
--
-- The number comes from counters that the compiler puts behind every call that stores
-- something (base/loss_section.h). Only a perf buffer of an object that another compiler
-- made is counted by the kernel's own LOST records. Runs that the kernel skipped (the
-- program was running already, a kretprobe had no room) are read when links go.
local ffi = require "ffi"
local C = require "bpf.ffi_api"
local json = require "bpf.emit.json"
local loop = require "bpf.loop"
local say = require "bpf.say"

local M = {}

-- Between two warnings; the first comes at once.
local WARNING_SECONDS = 5
-- Between two looks at the counters.
local CHECK_SECONDS = 0.5

---@class bpf.Loss
---@field map string "" is a map that the program chooses while it runs
---@field program string "" where the kernel does not tell
---@field count fun(): number
---@field told number how much of it JSON has had

-- Entries hold addresses inside the object: they go with it.
local watched = setmetatable({}, { __mode = "k" }) ---@type table<bpf.Object, bpf.Loss[]>
local closed = setmetatable({}, { __mode = "k" }) -- object -> its entries, for M.of
local final = {} -- what closed objects have lost, by "map\0program"
local missed = {} -- runs that were skipped, by probe or program
local last_warning, warned = nil, 0

local function counter(words)
  local at = ffi.cast("const uint64_t *", words)
  return function() return tonumber(C.ebl_loss_count(at)) end
end

--- Begins to watch the counters of an object that has just been loaded.
---@param object bpf.Object
function M.watch(object)
  local entries = {}
  for place, entry in ipairs(object.handle:loss_counters()) do
    entries[place] = { map = entry.map, program = entry.program, told = 0,
                       count = counter(entry.words) }
  end
  if #entries == 0 then return end
  watched[object] = entries
  loop.watch(M.check, CHECK_SECONDS)
end

--- Watches a perf buffer whose object has no counters.
---@param object bpf.Object
---@param map string
---@param reader bpf.Reader
function M.watch_reader(object, map, reader)
  watched[object] = watched[object] or {}
  table.insert(watched[object], { map = map, program = "", told = 0,
                                  count = function() return reader:lost() end })
  loop.watch(M.check, CHECK_SECONDS)
end

--- What could not be stored in a map so far.
---@param object bpf.Object
---@param map string
---@return integer? total nil where nothing counts it
---@return table<string, integer> by_program
function M.of(object, map)
  local total, by_program = nil, {}
  for _, entry in ipairs(watched[object] or closed[object] or {}) do
    if entry.map == map then
      local count = entry.count()
      total = (total or 0) + count
      by_program[entry.program] = count
    end
  end
  return total, by_program
end

--- Entries that have lost something, with `total`, in the order of their names.
local function current()
  local by_key, list = {}, {}
  local function add(entry, count)
    local key = entry.map .. "\0" .. entry.program
    local known = by_key[key]
    if not known then
      known = { map = entry.map, program = entry.program, total = 0, sources = {} }
      by_key[key], list[#list + 1] = known, known
    end
    known.total = known.total + count
    known.sources[#known.sources + 1] = { entry = entry, count = count }
  end
  for _, entry in pairs(final) do add(entry, entry.total) end
  for _, entries in pairs(watched) do
    for _, entry in ipairs(entries) do
      local count = entry.count()
      if count > 0 then add(entry, count) end
    end
  end
  table.sort(list, function(a, b)
    if a.map ~= b.map then return a.map < b.map end
    return a.program < b.program
  end)
  return list
end

local function name_of(map)
  return map == "" and "(a map chosen at run time)" or map
end

--- "events 1234 (on_exec 1000, on_exit 234), starts 3 (on_entry)"
local function text_of(list)
  local parts, place = {}, 1
  while place <= #list do
    local map, total, programs = list[place].map, 0, {}
    while list[place] and list[place].map == map do
      local entry = list[place]
      total = total + entry.total
      programs[#programs + 1] = entry
      place = place + 1
    end
    local names = {}
    for _, entry in ipairs(programs) do
      names[#names + 1] = #programs == 1 and entry.program
        or ("%s %d"):format(entry.program, entry.total)
    end
    local by = table.concat(names, ", ")
    parts[#parts + 1] = ("%s %d%s"):format(name_of(map), total,
                                           by ~= "" and (" (%s)"):format(by) or "")
  end
  return table.concat(parts, ", ")
end

local function put_json(record)
  local line = json.encode(record) .. "\n"
  C.ebl_write(line, #line) -- a failure shows at the next flush
end

--- {"type":"lost_events","map":…,"program":…,"count":…} of what has not been told yet.
local function tell_json(list)
  if not loop.settings.json then return end
  for _, known in ipairs(list) do
    local fresh = 0
    for _, source in ipairs(known.sources) do
      fresh = fresh + source.count - source.entry.told
      source.entry.told = source.count
    end
    if fresh > 0 then
      put_json { type = "lost_events", map = known.map, program = known.program,
                 count = fresh }
    end
  end
end

local function sum(list)
  local total = 0
  for _, entry in ipairs(list) do total = total + entry.total end
  return total
end

--- Warns of what has been lost since the last warning, at most every few seconds. The
--- loop calls it.
---@param now number seconds
function M.check(now)
  local list = current()
  local total = sum(list)
  if total <= warned then return end
  if last_warning and now - last_warning < WARNING_SECONDS then return end
  last_warning, warned = now, total
  tell_json(list)
  say("ebpf-lua: warning: lost so far: " .. text_of(list))
end

--- Runs of these links, and of their programs, that the kernel skipped. Called while they
--- are attached: the kernel forgets with them.
---@param links bpf.Link[]
function M.note_missed(links)
  local programs = {}
  for _, link in ipairs(links) do
    local own = link.handle and link:skipped() or 0
    if own > 0 then missed[link.spec] = (missed[link.spec] or 0) + own end
    local program = link.program
    if program and link.owner.handle and not programs[program] then
      programs[program] = true
      local count = link.owner.handle:recursion_misses(program.name) or 0
      local fresh = count - (program.noted_misses or 0)
      program.noted_misses = count
      if fresh > 0 then missed[program.name] = (missed[program.name] or 0) + fresh end
    end
  end
end

--- Keeps the counts of an object that is about to close. Its links are gone.
---@param object bpf.Object
function M.close(object)
  for _, entry in ipairs(watched[object] or {}) do
    local count = entry.count()
    entry.count = function() return count end
    if count > 0 then
      local key = entry.map .. "\0" .. entry.program
      local kept = final[key] or { map = entry.map, program = entry.program, told = 0,
                                   total = 0 }
      kept.total, kept.told = kept.total + count, kept.told + entry.told
      final[key] = kept
    end
  end
  watched[object], closed[object] = nil, watched[object]
end

--- Says, at the end of the program, how much was lost in all.
function M.summary()
  local list, skipped = current(), {}
  for name, count in pairs(missed) do
    skipped[#skipped + 1] = ("%s %d"):format(name, count)
  end
  table.sort(skipped)
  if loop.output_closed then return end
  tell_json(list)
  if loop.settings.json then
    for name, count in pairs(missed) do
      put_json { type = "missed_runs", probe = name, count = count }
    end
  end
  if #list > 0 then say("ebpf-lua: lost: " .. text_of(list)) end
  if #skipped > 0 then
    say("ebpf-lua: missed runs: " .. table.concat(skipped, ", "))
  end
end

return M
