-- The event loop: readers, timers, signals, the end of a run.
local ffi = require "ffi"
local C = require "bpf.ffi_api"
local host = require "bpf.host"
local errors = require "bpf.errors"
local compiler = require "bpf.compiler"

local M = {}

---@type table what the command line asked for
M.settings = require "bpf.settings"

local ROOM = 64
local ready = ffi.new("int[?]", ROOM)
local EINTR, EPIPE = 4, 32

local handle       -- the C++ loop
local pointer      -- the same for FFI
local sources = {} -- source number -> function that drains it
local finishers = {} -- source number -> function that drains it at the end of a run
local unfinished = {} -- source numbers whose turn ended before they were empty
local timers = {}  -- unordered; a script has a handful
local stopping     -- nil, or why the run ends: "stop", "interrupt"
local running = false
local told = false -- bpf.poll() has returned "interrupt"
M.output_closed = false

--- Called when a run begins, before it waits for the first time.
---@type fun()?
M.before_run = nil

--- Raised to end the program quietly: nobody reads its output any more, or a script goes
--- on polling after Ctrl-C.
M.ENDED = setmetatable({}, { __tostring = function() return "the program ends" end })

local function open()
  if not handle then
    handle = errors.check(host.loop())
    pointer = ffi.cast("ebl_loop *", handle:pointer())
  end
  return handle
end

--- Nanoseconds between two drains of a busy source (design: 1 ms); 0 drains at every
--- wake-up.
M.pacing_ns = 1000000

local check, check_due, check_seconds

--- Calls `fn(now)` every `seconds` while the loop runs: the program's own housekeeping.
---@param fn fun(now: number)
---@param seconds number
function M.watch(fn, seconds)
  check, check_seconds, check_due = fn, seconds, 0
end

---@param fd integer
---@param drain fun(): integer, boolean? how many it handled, and whether there are more
---@param finish fun()? handles what is there at the end of a run; default: drain
---@return integer source
function M.add(fd, drain, finish)
  local source = errors.check(open():add(fd, M.pacing_ns))
  sources[source], finishers[source] = drain, finish
  return source
end

--- Gives a source another turn, without waiting for it to be readable.
---@param source integer
function M.again(source)
  if sources[source] then unfinished[source] = true end
end

---@param source integer
function M.remove(source)
  sources[source], finishers[source], unfinished[source] = nil, nil, nil
  if handle then handle:remove(source) end
end

local function now()
  return tonumber(C.ebl_monotonic_ns()) / 1e9
end

---@class bpf.Timer
local Timer = {}
Timer.__index = Timer

--- Ends the timer; a second call does nothing.
function Timer:stop()
  timers[self] = nil
end

local function add_timer(seconds, fn, interval, name)
  if type(seconds) ~= "number" or seconds < 0 or (interval and seconds == 0) then
    errors.misuse(("%s takes a positive number of seconds first"):format(name))
  end
  if type(fn) ~= "function" then
    errors.misuse(("%s takes a function second"):format(name))
  end
  local timer = { due = now() + seconds, fn = fn, interval = interval }
  setmetatable(timer, Timer)
  timers[timer] = true
  return timer
end

--- Calls `fn` every `seconds` while the loop runs.
---@param seconds number
---@param fn fun()
---@return bpf.Timer
function M.every(seconds, fn)
  return add_timer(seconds, fn, seconds, "bpf.every")
end

--- Calls `fn` once, `seconds` from now.
---@param seconds number
---@param fn fun()
---@return bpf.Timer
function M.after(seconds, fn)
  return add_timer(seconds, fn, nil, "bpf.after")
end

local function next_timer()
  local due
  for timer in pairs(timers) do
    if not due or timer.due < due then due = timer.due end
  end
  return due
end

--- What an error in a handler does; nil: it ends the run. The prompt goes on. stop(what)
--- takes the handler out.
---@type fun(err: any, stop: fun(what: any), what: any)?
M.on_error = nil

--- Calls a handler; what on_error has answered counts as nothing handled.
local function run_handler(fn, stop, what)
  if not M.on_error then return fn() end
  local ok, result, more = xpcall(fn, errors.with_traceback)
  if ok then return result, more end
  if result == M.ENDED then error(result, 0) end
  M.on_error(result, stop, what)
  return 0
end

local function run_timers()
  local time, fired = now(), nil
  for timer in pairs(timers) do
    if timer.due <= time then
      fired = fired or {}
      fired[#fired + 1] = timer
    end
  end
  if not fired then return end
  table.sort(fired, function(a, b) return a.due < b.due end)
  for _, timer in ipairs(fired) do
    if timers[timer] then
      if timer.interval then
        -- Late by whole intervals: those are skipped, the beat is kept.
        timer.due = timer.due
          + timer.interval * math.max(1, math.ceil((time - timer.due) / timer.interval))
      else
        timers[timer] = nil
      end
      run_handler(timer.fn, timer.stop, timer)
    end
    if stopping then return end
  end
end

---@param number integer errno
---@return bpf.Error
function M.write_error(number)
  local reason = ("%s (%s)"):format(errors.errno(number))
  return errors.new { stage = "read", code = "io",
                      message = "cannot write to standard output: " .. reason }
end

--- Writes what print has buffered. A closed pipe ends the run.
---@return bpf.Error? err why it cannot be written
function M.flush()
  local result = C.ebl_flush()
  if result == 0 then return nil end
  if result ~= -EPIPE then return M.write_error(-result) end
  M.output_closed = true
  stopping = stopping or "stop"
  return nil
end

--- The same, and raises why it cannot be written.
function M.check_output()
  local unwritten = M.flush()
  if unwritten then error(unwritten, 0) end
end

local MOST_SECONDS = 1e9 -- as nanoseconds it fits an int64_t

local function run_check()
  if not check then return end
  local time = now()
  if time < check_due then return end
  check_due = time + check_seconds
  check(time)
end

--- One turn of a source: returns how many events it handled.
local function run_source(source)
  local drain = sources[source]
  if not drain then return 0 end
  unfinished[source] = nil
  local count, more = run_handler(drain, M.remove_drain, drain)
  if more and sources[source] then unfinished[source] = true end
  return count
end

--- Called when the loop goes idle, after what was printed has been written.
---@type fun()?
M.on_idle = nil

local function turn(timeout)
  M.check_output()
  if M.on_idle then M.on_idle() end
  if stopping then return 0 end
  local limit = timeout < 0 and -1 or math.min(timeout, MOST_SECONDS) * 1e9
  local before -- whose turn ended before they were empty
  for source in pairs(unfinished) do
    before, limit = before or {}, 0
    before[source] = true
  end
  local count = C.ebl_loop_wait(pointer, limit, ready, ROOM)
  if count == -EINTR then
    C.ebl_take_signal()
    stopping = "interrupt"
    return 0
  elseif count < 0 then
    error(errors.new { stage = "read", code = "io",
                       message = "waiting for events failed, errno " .. -count }, 0)
  end
  local handled = 0
  -- A perf buffer is told once. Until it has had its turn it counts as unfinished: a
  -- handler before it may fail, or poll.
  for i = 0, count - 1 do unfinished[ready[i]] = true end
  for i = 0, count - 1 do
    local source = ready[i]
    if before then before[source] = nil end
    if unfinished[source] then handled = handled + run_source(source) end
    if stopping then break end
  end
  for source in pairs(before or {}) do
    if stopping then break end
    if unfinished[source] then handled = handled + run_source(source) end
  end
  if stopping then -- a source that was not reached is not told again
    for source in pairs(sources) do unfinished[source] = true end
  end
  run_check()
  return handled
end

--- What has already arrived, once more: the end of a run loses nothing.
local function drain_all()
  if M.output_closed then return end
  local drains = {} -- a handler may add sources
  for source, drain in pairs(sources) do
    drains[#drains + 1] = finishers[source] or drain
  end
  for _, drain in ipairs(drains) do drain() end
  M.check_output()
end

local function limit_of(deadline)
  local due = next_timer()
  if deadline and (not due or deadline < due) then due = deadline end
  if check and (not due or check_due < due) then due = check_due end
  return due and math.max(0, due - now()) or -1
end

local function run_until(deadline)
  stopping = nil
  local why
  repeat
    turn(limit_of(deadline))
    if not stopping then run_timers() end
    why = stopping or (deadline and now() >= deadline and "timeout")
  until why
  stopping = nil
  drain_all()
  stopping = M.output_closed and "stop" or nil
  return why
end

--- nil, or a number of at least 0; NaN is neither.
local function is_time(value)
  return value == nil or type(value) == "number" and value >= 0
end

--- Takes a source out whose handler failed.
---@param drain fun(): integer
function M.remove_drain(drain)
  for source, known in pairs(sources) do
    if known == drain then M.remove(source) end
  end
end

--- Runs until Ctrl-C (or SIGTERM, SIGHUP), bpf.stop(), or `seconds` have passed.
---@param seconds number? default: -d of the command line, else no limit
---@return "interrupt"|"stop"|"timeout"
function M.run(seconds)
  if not is_time(seconds) then
    errors.misuse("bpf.run takes a number of seconds, or nothing")
  end
  if running then
    errors.misuse("bpf.run is running already",
                  "in a handler, bpf.poll(ms) handles events and bpf.stop() ends the run")
  end
  open()
  if not M.settings.interactive then compiler.stop() end
  if M.settings.dry_run then return "stop" end
  seconds = seconds or M.settings.duration
  if M.before_run then M.before_run() end
  running = true
  local ok, why = xpcall(run_until, errors.with_traceback, seconds and now() + seconds)
  running = false
  if not ok then error(why, 0) end
  return why
end

--- Handles what is there within `milliseconds`. Ctrl-C ends it early; a script that does
--- not look at the second result is ended by its next poll.
---@param milliseconds number? default 0
---@return integer handled number of events
---@return "interrupt"|"stop"|nil why it returned early
function M.poll(milliseconds)
  if not is_time(milliseconds) then
    errors.misuse("bpf.poll takes a number of milliseconds, or nothing")
  end
  if told then error(M.ENDED, 0) end
  if M.settings.dry_run then
    told = true
    return 0, "stop"
  end
  open()
  if M.before_run then M.before_run() end
  if (milliseconds or 0) == 0 then
    -- What is there now, also in sources that are being left alone.
    for source in pairs(sources) do unfinished[source] = true end
  end
  local deadline = now() + (milliseconds or 0) / 1000
  local handled = 0
  repeat
    handled = handled + turn(limit_of(deadline))
    if not stopping then run_timers() end
  until handled > 0 or stopping or now() >= deadline
  local why = stopping
  if not running then -- else bpf.run() answers
    told = why == "interrupt" or M.output_closed
    stopping = nil
  end
  return handled, why
end

--- Ends bpf.run() when the running handler returns.
function M.stop()
  stopping = stopping or "stop"
end

--- True while a stop has been asked for: drains look at it between events.
function M.stopping()
  return stopping ~= nil
end

return M
