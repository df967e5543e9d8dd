-- Quick probes: one line of Lua, C expressions for what to collect.
--
--   trace("tracepoint:syscalls:sys_enter_openat", "pid, comm, str(args->filename)")
--   count("tracepoint:raw_syscalls:sys_enter", "comm")
--   latency("vfs_read")
--
-- docs/one-liners.md has one for each of bpftrace's.
local errors = require "bpf.errors"
local expression = require "bpf.quick.expression"
local handle = require "bpf.quick.handle"
local located = require "bpf.quick.located"
local loop = require "bpf.loop"
local options_of = require "bpf.options"
local pairing = require "bpf.quick.pairing"
local probe = require "bpf.quick.probe"
local scope = require "bpf.scope"
local show = require "bpf.quick.show"
local text = require "bpf.quick.text"

local M = {}

local ENTRIES, RING_BYTES = 10240, 1024 * 1024

local function describe(specs)
  return type(specs) == "table" and "{" .. table.concat(specs, ", ") .. "}" or specs
end

local function expect_text(value, verb, what, optional)
  if optional and value == nil then return end
  if type(value) == "string" and value:find("%S") then return end
  errors.misuse(("%s: %s is a C expression in a string"):format(verb, what))
end

local COMMON_OPTIONS = { filter = "string", pid = "number" }

local function checked(verb, given, more)
  local known = {}
  for name, kind in pairs(COMMON_OPTIONS) do known[name] = kind end
  for name, kind in pairs(more or {}) do known[name] = kind end
  given = given or {}
  options_of.check(verb, given, known)
  return given
end

local function place_of_pid(columns)
  for place, column in ipairs(columns) do
    if column.text == "pid" then return place end
  end
  return nil
end

--- The field with the process of user stacks, which is made where there are such; nil
--- without.
local function pid_field(columns)
  for _, column in ipairs(columns) do
    if column.form == "stack" and column.user then
      local place = place_of_pid(columns)
      if not place then
        place = #columns + 1
        columns[place] = expression.column("pid")
        columns[place].hidden = true
      end
      return "c" .. place
    end
  end
  return nil
end

local function uses_cookies(groups)
  for _, group in ipairs(groups) do
    if group.cookies then return true end
  end
  return false
end

local function is_not_supported(err)
  return errors.is(err) and err.code == "not_supported"
end

--- Starts a probe of one verb over `specs`. Where the kernel takes no cookies, each of
--- several probes has an entry program of its own.
local function start(verb, specs, columns, given, more)
  expect_text(given.filter, verb, "filter", true)
  local pid = given.pid or loop.settings.pid
  local follow = scope.is_command(pid)
  local scoped = follow and "started_by_command(pid)" or pid and "pid == " .. pid or nil
  local request = {
    verb = verb, columns = columns, scope = scoped, follow = follow,
    filter = expression.filter(given.filter, scoped),
    title = ("%s(%s)"):format(more.name or verb, describe(specs)),
    defines = { QUICK_ENTRIES = ENTRIES, QUICK_RING_BYTES = RING_BYTES },
    pid = not follow and (given.pid or loop.settings.attach_pid) or nil,
    maps = scope.maps(pid), pid_field = pid_field(columns),
  }
  for name, value in pairs(more) do
    if name == "defines" then
      for key, define in pairs(value) do request.defines[key] = define end
    elseif name ~= "name" then
      request[name] = value
    end
  end
  local columns_use, filter_use = text.mentioned(request)
  for name in pairs(filter_use) do columns_use[name] = true end
  local all = more.probes or probe.all(specs, columns_use)
  located.show_strings(columns, all[1])
  request.groups = probe.groups(all, columns_use)
  if more.start_probes then
    request.starts = probe.groups(more.start_probes, {}, #all)
  end
  local ok, result = pcall(handle.start, request)
  if ok then return result end
  if is_not_supported(result) and columns_use.func
     and result.message:find("bpf_get_func_ip", 1, true) then
    result.hint = "'probe' in the place of 'func' tells the function too"
  end
  if not is_not_supported(result) or not uses_cookies(request.groups) then
    error(result, 0)
  end
  request.groups = probe.groups(all, columns_use, 0, true)
  return handle.start(request)
end

local function columns_of(given)
  return given and expression.columns(given) or {}
end

--- Prints a row for each event.
---@param specs string|string[] probes, patterns too
---@param columns string? C expressions: "pid, comm, str(args->filename)"; default: probe,
--- pid, comm
---@param options {filter: string?, pid: integer?}?
---@return bpf.quick.Handle
function M.trace(specs, columns, options)
  expect_text(columns, "trace", "the second argument", true)
  return start("trace", specs, columns_of(columns or "probe, pid, comm"),
               checked("trace", options), {})
end

local TOLD_BY_FUNCTION = { kprobe = true, kretprobe = true }

--- Counts by `key`; without one by the function of a kprobe or kretprobe, else by the
--- probe, which also tells functions where the kernel does not (bpf_get_func_ip(), 5.15).
local function start_count(specs, key, given, more)
  if not key and type(specs) == "string" and TOLD_BY_FUNCTION[specs:match("^%w+")] then
    local ok, result = pcall(start, "count", specs, columns_of("func"), given, more)
    if ok then return result end
    if not is_not_supported(result) then error(result, 0) end
  end
  return start("count", specs, columns_of(key or "probe"), given, more)
end

--- Counts events by a key.
---@param specs string|string[]
---@param key string? C expressions; default: the function, or the probe
---@param options {filter: string?, pid: integer?}?
---@return bpf.quick.Handle
function M.count(specs, key, options)
  expect_text(key, "count", "the key", true)
  return start_count(specs, key, checked("count", options), {})
end

--- A histogram of a value by powers of two.
---@param specs string|string[]
---@param value string C expression
---@param options {by: string?, unit: string?, filter: string?, pid: integer?}?
---@return bpf.quick.Handle
function M.hist(specs, value, options)
  expect_text(value, "hist", "the value")
  local given = checked("hist", options, { by = "string", unit = "string" })
  return start("hist", specs, columns_of(given.by), given,
               { value = expression.with_comparisons(value), slot = true,
                 unit = given.unit or value })
end

--- A histogram of a value by equal steps.
---@param specs string|string[]
---@param value string C expression
---@param low integer
---@param high integer
---@param step integer
---@param options {by: string?, unit: string?, filter: string?, pid: integer?}?
---@return bpf.quick.Handle
function M.lhist(specs, value, low, high, step, options)
  expect_text(value, "lhist", "the value")
  for what, number in pairs { low = low or false, high = high or false,
                              step = step or false } do
    if type(number) ~= "number" or number % 1 ~= 0 then
      errors.misuse(("lhist(spec, value, low, high, step): %s is a whole number")
                    :format(what))
    end
  end
  if high <= low or step < 1 then
    errors.misuse("lhist: low < high, and step at least 1")
  end
  local given = checked("lhist", options, { by = "string", unit = "string" })
  return start("hist", specs, columns_of(given.by), given, {
    name = "lhist", value = expression.with_comparisons(value), slot = true,
    unit = given.unit or value, low = low, step = step,
    defines = { QUICK_LOW = low, QUICK_HIGH = high, QUICK_STEP = step },
  })
end

--- Number, sum, average, least and most of a value (64 bits with a sign).
---@param specs string|string[]
---@param value string C expression
---@param options {by: string?, filter: string?, pid: integer?}?
---@return bpf.quick.Handle
function M.stats(specs, value, options)
  expect_text(value, "stats", "the value")
  local given = checked("stats", options, { by = "string" })
  return start("stats", specs, columns_of(given.by), given,
               { value = expression.with_comparisons(value) })
end

local UNITS = { ns = 1, us = 1000, ms = 1000000, s = 1000000000 }

--- The time between an entry and its return, as a histogram by powers of two.
---@param specs string|string[] the entry, whose return is known; a function's name takes
--- the best hook there is; or {entry, return}
---@param options {by: string?, unit: "ns"|"us"|"ms"|"s"?, pair: string?, filter: string?,
--- pid: integer?}? `pair`: C expression that the two have in common; default: the thread
---@return bpf.quick.Handle
function M.latency(specs, options)
  local given = checked("latency", options, { by = "string", unit = "string",
                                              pair = "string" })
  local unit = given.unit or "us"
  if not UNITS[unit] then errors.misuse("latency: the unit is ns, us, ms or s") end
  local defines = { QUICK_UNIT_NS = UNITS[unit], QUICK_PAIR = given.pair }
  return pairing.first_that_works(specs, function(entries, returns)
    return start("latency", specs, columns_of(given.by), given, {
      slot = true, unit = unit == "us" and "usecs" or unit, defines = defines,
      probes = probe.all(returns), start_probes = probe.all(entries),
    })
  end)
end

--- Counts kernel stacks, or with `user` those of processes, or both.
---@param specs string|string[]
---@param options {by: string?, user: boolean?, kernel: boolean?, filter: string?,
--- pid: integer?}?
---@return bpf.quick.Handle
function M.stacks(specs, options)
  local given = checked("stacks", options, { by = "string", user = "boolean",
                                             kernel = "boolean" })
  local columns = columns_of(given.by)
  local kernel = given.kernel
  if kernel == nil then kernel = not given.user end
  if kernel then columns[#columns + 1] = expression.column("kstack") end
  if given.user then
    if not place_of_pid(columns) then columns[#columns + 1] = expression.column("pid") end
    columns[#columns + 1] = expression.column("ustack")
  end
  return start("count", specs, columns, given, { name = "stacks" })
end

--- Samples stacks on every CPU.
---@param hertz integer samples a second; default 99
---@param options {by: string?, pid: integer?, user: boolean?, filter: string?}?
---@return bpf.quick.Handle
function M.profile(hertz, options)
  if hertz ~= nil and (type(hertz) ~= "number" or hertz < 1 or hertz % 1 ~= 0) then
    errors.misuse("profile takes a number of samples a second")
  end
  return M.stacks(("perf:cpu-clock:%dhz"):format(hertz or 99), options)
end

--- Counts by a key and prints the largest, again and again.
---@param specs string|string[]
---@param key string? C expressions
---@param options {every: number?, rows: integer?, filter: string?, pid: integer?}?
---@return bpf.quick.Handle
function M.top(specs, key, options)
  expect_text(key, "top", "the key", true)
  local given = checked("top", options, { every = "number", rows = "number" })
  local self = start_count(specs, key, given, { name = "top" })
  self.timer = loop.every(given.every or 1, function()
    if not self.object then return end
    self:refresh(given.rows or 20)
  end)
  return self
end

--- The probes that run.
---@return bpf.quick.Handle[]
function M.running()
  return { unpack(handle.running) }
end

--- What the end of the program shows: every probe that still runs.
function M.show_all()
  for _, self in ipairs(M.running()) do
    if not self.timer then show.print(self) end
  end
end

return M
