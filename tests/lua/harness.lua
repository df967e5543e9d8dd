--- A small test harness: describe and it, expect.*, counted callbacks, skip.
-- One line a test, `ok` or `FAIL file:line`; `slow SECONDS TITLE` for those that took
-- more than three; then "N passed, N failed, N skipped".
local clock = require "bpf.ffi_api"

local M = {}

local SLOW_NS = 3e9

local passed, failed, skipped = 0, 0, 0
local names, pending, slow = {}, {}, {}
local SKIP = {}

local function show(v)
  if type(v) == "string" then return ("%q"):format(v) end
  if type(v) ~= "table" or getmetatable(v) then return tostring(v) end
  local parts = {}
  for i, item in ipairs(v) do parts[i] = show(item) end
  local listed = #parts
  for key, item in pairs(v) do
    local in_list = type(key) == "number" and key >= 1 and key <= listed and key % 1 == 0
    if not in_list then parts[#parts + 1] = tostring(key) .. " = " .. show(item) end
  end
  if listed == 0 then table.sort(parts) end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return type(a) == type(b) and a == b
  end
  for k, v in pairs(a) do
    if not same(v, b[k]) then
      return false
    end
  end
  for k in pairs(b) do
    if a[k] == nil then
      return false
    end
  end
  return true
end

--- expect(fn, n): fn, which the running test must call n times (default 1).
M.expect = setmetatable({}, { __call = function(_, fn, n)
  local counter = { calls = 0, wanted = n or 1 }
  pending[#pending + 1] = counter
  return function(...)
    counter.calls = counter.calls + 1
    return fn(...)
  end
end })

--- Same type and value; tables are compared by content.
function M.expect.equal(got, wanted)
  if not same(got, wanted) then
    error(("got %s, wanted %s"):format(show(got), show(wanted)), 2)
  end
end

function M.expect.near(got, wanted, tolerance)
  local off = math.abs(got - wanted)
  if off > tolerance or off ~= off then
    error(("got %s, wanted %s +- %s"):format(got, wanted, tolerance), 2)
  end
end

function M.expect.truthy(value, what)
  if not value then
    error((what or "value") .. " is " .. tostring(value), 2)
  end
end

--- Calls fn, which must raise an error that contains `text` (no pattern).
function M.expect.error(text, fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then
    error("no error, wanted: " .. text, 2)
  elseif not tostring(err):find(text, 1, true) then
    error(("error %s, wanted %s"):format(show(tostring(err)), show(text)), 2)
  end
end

--- Ends the running test without a verdict.
function M.skip(reason)
  error(setmetatable({ reason = reason }, SKIP), 0)
end

local function count_calls()
  for _, counter in ipairs(pending) do
    if counter.calls ~= counter.wanted then
      error(("called %d times, wanted %d"):format(counter.calls, counter.wanted), 0)
    end
  end
end

function M.describe(name, fn)
  names[#names + 1] = name
  fn()
  names[#names] = nil
end

function M.it(name, fn)
  local title = table.concat(names, ": ") .. ": " .. name
  pending = {}
  collectgarbage()
  local began = clock.ebl_monotonic_ns()
  local ok, err = xpcall(fn, function(e)
    return getmetatable(e) == SKIP and e or debug.traceback(tostring(e), 2)
  end)
  collectgarbage()
  if ok then
    ok, err = pcall(count_calls)
  end
  local took = tonumber(clock.ebl_monotonic_ns() - began)
  if took > SLOW_NS then slow[#slow + 1] = ("slow %.0f %s"):format(took / 1e9, title) end
  if ok then
    passed = passed + 1
    print("ok   " .. title)
  elseif getmetatable(err) == SKIP then
    skipped = skipped + 1
    print(("skip %s (%s)"):format(title, err.reason))
  else
    failed = failed + 1
    local info = debug.getinfo(fn, "S")
    print(("FAIL %s:%d %s\n%s"):format(info.short_src, info.linedefined, title, err))
  end
end

--- Runs one spec file, with describe, it, expect and skip in its environment.
function M.file(path)
  local chunk, err = loadfile(path)
  if chunk then
    setfenv(chunk, setmetatable({
      describe = M.describe, it = M.it, expect = M.expect, skip = M.skip,
    }, { __index = _G, __newindex = _G }))
    chunk, err = xpcall(chunk, function(e) return debug.traceback(tostring(e), 2) end)
  end
  if not chunk then
    failed = failed + 1
    print("FAIL " .. path .. "\n" .. tostring(err))
  end
end

---@return boolean all_passed
function M.finish()
  for _, line in ipairs(slow) do print(line) end
  print(("%d passed, %d failed, %d skipped"):format(passed, failed, skipped))
  return failed == 0
end

return M
