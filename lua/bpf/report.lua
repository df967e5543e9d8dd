-- Tools that count and show the counts: at the end, or every interval.
--
--   obj:attach()
--   report.run(args, "Counting system calls", function() … end)
--
-- The maps are never emptied, because what programs add meanwhile would be lost: what an
-- interval shows is the difference to the one before.
local cli = require "bpf.cli"
local decode = require "bpf.decode"
local loop = require "bpf.loop"
local output = require "bpf.output"

local M = {}

--- Positional arguments of tools: [interval [count]].
M.INTERVAL = { "interval", "seconds between two outputs", convert = cli.seconds }
M.COUNT = { "count", "how many outputs", convert = cli.positive }

--- Says on standard error that the tool is attached: it may print nothing for long.
---@param what string "Counting system calls"
function M.announce(what)
  io.stderr:write(what, "... Hit Ctrl-C to end.\n")
end

--- The time of day as a line of its own, in text only.
function M.print_time()
  if output.is_text() then output.api.print(os.date("%H:%M:%S")) end
end

---@param args {interval: number?, count: integer?, seconds: number?, time: boolean?}
---@param what string what announce() says
---@param show fun()
function M.run(args, what, show)
  if loop.settings.dry_run then return end
  M.announce(what)
  local left = args.count
  local function show_now()
    if args.time then M.print_time() end
    show()
    if not left then return end
    left = left - 1
    if left == 0 then loop.stop() end
  end
  if args.interval then loop.every(args.interval, show_now) end
  loop.run(args.seconds)
  if left ~= 0 then show_now() end
end

--- A value as numbers that can be subtracted, and the rest of it as it is.
local function plain(value)
  if decode.type_of(value) then return decode.totable(value) end
  if type(value) == "table" and type(value.sum) == "function" then return value:sum() end
  return value
end

local function is_number(value)
  return type(value) == "number" or type(value) == "cdata"
end

--- What was added since `before`, or nil for nothing.
local function difference(now, before)
  if is_number(now) then
    local change = now - (before or 0)
    return change ~= 0 and change or nil
  end
  local out, changed = {}, false
  for name, value in pairs(now) do
    out[name] = value
    if is_number(value) then
      out[name] = value - (before and before[name] or 0)
      changed = changed or out[name] ~= 0
    end
  end
  return changed and out or nil
end

--- A function that gives, at each call, what the map's counts have grown by since the
--- last one: {[key] = count}; of a struct of counts, {[key] = {field = count}}.
---@param source bpf.Map|fun(): table<any, any> a map, or what gives such a table
---@return fun(): table<any, any>
function M.changes(source)
  local before = {}
  local function each()
    if type(source) == "function" then return pairs(source()) end
    return source:pairs()
  end
  return function()
    local out = {}
    for key, value in each() do
      local id, now = tostring(key), plain(value)
      out[key] = difference(now, before[id])
      before[id] = now
    end
    return out
  end
end

---@class bpf.report.HistogramOptions: bpf.HistogramOptions
---@field name (fun(id: integer): string)? what a section is called, by its id in the keys

--- A show() for run(): what a map of histograms has grown by. Its keys are struct
--- hist_key; without `options.section` they are all one histogram.
---@param map bpf.Map
---@param options bpf.report.HistogramOptions
---@return fun()
function M.histograms(map, options)
  local changes = M.changes(map)
  return function()
    local data = {}
    for key, count in pairs(changes()) do
      local named = options.name and { name = options.name(key.id), slot = key.slot }
      data[options.section and (named or key) or key.slot] = count
    end
    output.api.print_log2_hist(data, options)
  end
end

return M
