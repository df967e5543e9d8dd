-- A running quick probe: what trace(), count(), hist()… return.
local errors = require "bpf.errors"
local host = require "bpf.host"
local loop = require "bpf.loop"
local object = require "bpf.object"
local output = require "bpf.output"
local expression = require "bpf.quick.expression"
local probe = require "bpf.quick.probe"
local screen = require "bpf.screen"
local show = require "bpf.quick.show"
local text = require "bpf.quick.text"

local M = {}

---@class bpf.quick.Handle
---@field title string the call, as it can be typed again
---@field request bpf.quick.Request
---@field object bpf.Object?
local Handle = {}
Handle.__index = Handle

-- How often the names of new user stacks are looked up.
local LOOK_UP_SECONDS = 0.25

---@type bpf.quick.Handle[] those that run, in the order of their start
M.running = {}

--- Puts program `number` where its entry program's tail call goes. A tail call is between
--- programs for the same hook.
local function point(self, from, number, group)
  local targets = self.object.maps["quick_target_" .. number]
  local program = from.programs["quick_" .. number]:load(probe.places(group)[1].spec)
  errors.check(targets:update(0, program:fd()))
end

local function attach_group(self, number, group)
  local pid = group[1].kind:match("^u") and self.request.pid or nil
  for _, place in ipairs(probe.places(group)) do
    local entry = self.object.programs[text.entry_name(number, place)]
    entry:attach(place.spec, { cookie = place.cookie, pid = pid })
  end
end

local function number_groups(request)
  local all = {}
  for _, group in ipairs(request.starts or {}) do all[#all + 1] = group end
  for _, group in ipairs(request.groups) do all[#all + 1] = group end
  return all
end

--- The first mistake in the columns or the filter is the user's; what follows from it
--- speaks of C that he did not write.
local function first_mistake(err)
  if not errors.is(err) or err.code ~= "compile" or not err.detail then return err end
  local lines = {}
  for line in err.detail:gmatch("[^\n]+") do
    if lines[1] and line:find(": error: ", 1, true) or line:find("^/ebl/") then break end
    lines[#lines + 1] = line
  end
  err.detail = table.concat(lines, "\n")
  return err
end

local function compile(request, maps)
  local ok, result = pcall(object.load, { source = text.of(request), name = "quick",
                                          maps = maps })
  if not ok then error(first_mistake(result), 0) end
  return result
end

--- Compiles, loads and attaches. When anything fails, nothing stays attached.
---@param request bpf.quick.Request
---@return bpf.quick.Handle
function M.start(request)
  local self = setmetatable({ request = request, title = request.title }, Handle)
  self.object = compile(request, request.maps)
  local groups = number_groups(request)
  local ok, err = pcall(function()
    for number, group in ipairs(groups) do point(self, self.object, number, group) end
    if request.verb == "trace" then
      show.follow(self)
    end
    -- Ends before starts: a return whose entry was not seen finds no start.
    for number = #groups, 1, -1 do attach_group(self, number, groups[number]) end
  end)
  if not ok then
    self.object:close()
    error(err, 0)
  end
  if request.pid_field and request.verb ~= "trace" then
    local known = {}
    self.looker = loop.every(LOOK_UP_SECONDS, function()
      show.look_up_stacks(self, known)
    end)
  end
  M.running[#M.running + 1] = self
  return self
end

--- Detaches. What has been counted can still be shown; a second call does nothing.
function Handle:stop()
  if not self.object then return end
  if self.request.verb ~= "trace" then self.last = show.data(self) end
  if self.looker then self.looker:stop() end
  self.object:close()
  self.object = nil
  for place, known in ipairs(M.running) do
    if known == self then table.remove(M.running, place) end
  end
end

--- Prints what has been counted so far.
function Handle:show()
  show.print(self)
end

--- {probe, hits, lost, ns_per_event}: runs of its programs and their mean time, and what
--- full maps lost. Hits are counted at the prompt only, where the kernel is asked to.
function Handle:statistics()
  local runs, time = 0, 0
  if self.object then
    local programs = self.object.programs
    for number, group in ipairs(number_groups(self.request)) do
      for _, place in ipairs(probe.places(group)) do
        local fd = programs[text.entry_name(number, place)]:fd()
        local more, longer = host.run_statistics(fd)
        runs, time = runs + errors.check(more, longer), time + longer
        if not place.entry then break end -- the others have the same program
      end
    end
  end
  local map = self.request.verb == "trace" and "quick_rows" or "quick_counts"
  return { probe = self.title, hits = runs, lost = self.object.maps[map]:lost(),
           ns_per_event = runs > 0 and math.floor(time / runs + 0.5) or nil }
end

--- How many functions of its patterns the kernel lets nobody probe.
---@return integer
function Handle:left_out()
  local count = 0
  for _, link in ipairs(self.object and self.object.links or {}) do
    if link.spec and link.handle then count = count + link:left_out() end
  end
  return count
end

--- Prints the `rows` largest counts, on a terminal in the place of what is there and
--- within its rows, and begins again.
---@param rows integer
function Handle:refresh(rows)
  local height = output.is_terminal() and screen.size()
  if not height then
    show.print(self, rows)
  else
    io.write(screen.BEGIN)
    show.print(self, math.max(1, math.min(rows, height - 2))) -- the header, the cursor
    io.write(screen.END)
  end
  self:clear()
end

--- Forgets what has been counted so far.
function Handle:clear()
  if self.object and self.request.verb ~= "trace" then
    self.object.maps.quick_counts:clear()
  end
end

--- The spec of the probe with this number.
function Handle:probe_name(number)
  for _, group in ipairs(number_groups(self.request)) do
    for _, each in ipairs(group) do
      if each.number == number then return each.spec end
    end
  end
  return "[unknown]"
end

--- A program that was attached without cookies cannot tell its probes apart later.
local function check_probes_are_told_apart(request, groups)
  local _, filter = text.mentioned(request)
  if not filter.probe then return end
  for _, group in ipairs(groups) do
    if group[2] and not group.cookies and not group.apart then
      errors.misuse("this probe began without a filter or column that says 'probe'",
                    "stop it and start another")
    end
  end
end

local EDITABLE = { filter = "string" }

--- Puts another filter in the place of the present one, on the same maps: every event is
--- judged by one of the two, none by both and none by neither.
---@param changes {filter: string|false}
---@return bpf.quick.Handle self
function Handle:edit(changes)
  if not self.object then errors.misuse("this probe has been stopped") end
  for name, value in pairs(changes) do
    if not EDITABLE[name] then
      errors.misuse(("a probe's %s cannot be changed while it runs")
                    :format(tostring(name)),
                    "stop it and start another; the filter can be changed")
    end
    if value and type(value) ~= EDITABLE[name] then
      errors.misuse(("%s is a C expression in a string"):format(name))
    end
  end
  local request = {}
  for name, value in pairs(self.request) do request[name] = value end
  request.filter = expression.filter(changes.filter, request.scope)
  local groups = number_groups(request)
  check_probes_are_told_apart(request, groups)
  local edited = compile(request, self.object.maps)
  for number, group in ipairs(groups) do point(self, edited, number, group) end
  edited:close() -- the kernel keeps the programs that the maps point to
  self.request = request
  return self
end

---@param value any
---@return boolean
function M.is_handle(value)
  return type(value) == "table" and getmetatable(value) == Handle
end

function Handle.__index(self, key)
  if key == "data" then return show.data(self) end
  return Handle[key]
end

function Handle:__tostring()
  return ("probe: %s%s"):format(self.title, self.object and "" or " (stopped)")
end

return M
