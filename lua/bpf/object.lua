-- bpf.load and the object it returns: stages 1 to 5, composed.
local host = require "bpf.host"
local compiler = require "bpf.compiler"
local dump = require "bpf.dump"
local errors = require "bpf.errors"
local loop = require "bpf.loop"
local losses = require "bpf.losses"
local map = require "bpf.map"
local nearest = require "bpf.nearest"
local plan = require "bpf.plan"
local program = require "bpf.program"
local render = require "bpf.render"
local shared_maps = require "bpf.shared_maps"
local variables = require "bpf.variables"

local M = {}

---@class bpf.Object
---@field name string
---@field programs table<string, bpf.Program>
---@field maps table<string, bpf.Map>
---@field variables table<string, any>
---@field handle userdata
---@field foreign boolean another compiler made it
local Object = {}
Object.__index = Object

-- Objects that have links or readers: they live until close() or the end, whatever the
-- script drops.
local live = {}
-- Every open object in order of creation, under --dry-run: those that the script does not
-- load are verified at its end.
local unverified = {}

--- A table of named things whose unknown names raise.
local function named(entries, noun, object)
  return setmetatable(entries, { __index = function(_, name)
    errors.misuse(("no %s '%s' in '%s'"):format(noun, tostring(name), object.name),
                  nearest.hint(tostring(name), nearest.keys(entries), noun .. "s"))
  end })
end

local function compile(request)
  local object, listing = request.text, nil
  if request.kind ~= "object" then
    object, listing = compiler.compile {
      text = render.text(request), name = request.file, directory = request.directory,
      flags = request.flags, dialect = request.dialect, listing = dump.listing() }
  end
  dump.compiled(request, listing)
  return object
end

--- Compiles (where it is source) and opens; the kernel is not touched.
---@param options bpf.LoadOptions
---@return bpf.Object
function M.load(options)
  local request = plan.of(options)
  local handle = errors.check(host.open(compile(request), request.name))
  dump.opened(handle)
  local self = setmetatable({ name = request.name, handle = handle, links = {},
                              compile_only = request.compile_only,
                              foreign = request.kind == "object" }, Object)
  local programs, maps = {}, {}
  self.order, self.struct_ops = {}, {}
  for place, entry in ipairs(handle:programs()) do
    programs[entry.name] = program.new(self, entry)
    self.order[place] = programs[entry.name]
  end
  for _, entry in ipairs(handle:maps()) do
    maps[entry.name] = map.new(self, entry)
    if entry.type == "struct_ops" then
      self.struct_ops[#self.struct_ops + 1] = maps[entry.name]
    end
  end
  self.programs = named(programs, "program", self)
  self.maps = named(maps, "map", self)
  self.variables = variables.new(self)
  for name, shared in pairs(request.maps) do
    errors.check(handle:reuse_map(name, shared:fd()))
  end
  for name, value in pairs(request.constants) do self.variables[name] = value end
  if loop.settings.dry_run and not self.compile_only then
    unverified[#unverified + 1] = self
  end
  return self
end

function Object:check_open()
  if not self.handle then errors.misuse(("object '%s' is closed"):format(self.name)) end
  if self.compile_only then
    errors.misuse(("object '%s' was made with load = false: it never touches the kernel")
                  :format(self.name))
  end
end

--- Creates the maps and loads every program whose SEC names a hook, in one go; then
--- `wanted` where it is not among them.
---@param wanted bpf.Program?
---@param spec string? what `wanted` will be attached to
---@param section string? the SEC() name whose type `wanted` shall have instead
function Object:ensure_loaded(wanted, spec, section)
  self:check_open()
  if not self.handle:loaded() then
    local request = {}
    for _, entry in ipairs(self.order) do
      if entry == wanted or entry.hook or entry.struct_ops then
        local asked = entry == wanted
        request[#request + 1] = { name = entry.name, spec = asked and spec or nil,
                                  section = asked and section or nil }
      end
    end
    shared_maps.import(self)
    local loaded, err = self.handle:load(request)
    dump.loaded(self.handle)
    errors.check(loaded, err)
    shared_maps.export(self)
    losses.watch(self)
  elseif wanted and errors.check(self.handle:program_fd(wanted.name)) < 0 then
    local loaded, err = self.handle:load_late(wanted.name, spec, section)
    dump.loaded(self.handle)
    errors.check(loaded, err)
  end
end

--- Attaches every program whose SEC names its hook, and every struct_ops map. When one
--- fails, none stays attached.
---@return bpf.Object self
function Object:attach()
  self:ensure_loaded()
  local things, made = {}, {}
  for _, entry in ipairs(self.order) do
    if entry.hook then things[#things + 1] = entry end
  end
  for _, entry in ipairs(self.struct_ops) do things[#things + 1] = entry end
  for _, thing in ipairs(things) do
    local ok, result = pcall(thing.attach, thing)
    if not ok then
      for _, link in ipairs(made) do link:close() end
      error(result, 0)
    end
    made[#made + 1] = result
  end
  if #made == 0 then
    errors.misuse(("no program of '%s' names its hook in SEC()"):format(self.name),
                  "attach one: obj.programs.NAME:attach \"tracepoint:sched:sched_exec\"")
  end
  return self
end

--- Keeps a link or reader, and itself, alive until closed.
function Object:own(thing)
  self.links[#self.links + 1] = thing
  live[self] = true
  return thing
end

--- The opposite of own(), for a link that closed itself.
function Object:forget(thing)
  for place, known in ipairs(self.links) do
    if known == thing then
      table.remove(self.links, place)
      break
    end
  end
  if #self.links == 0 then live[self] = nil end
end

--- Detaches all, closes readers and maps. A second call does nothing.
function Object:close()
  if not self.handle then return end
  M.close_things(self.links)
  losses.close(self)
  shared_maps.withdraw(self)
  self.links = {}
  live[self] = nil
  self.handle:close()
  self.handle = nil
end

function Object:__tostring()
  return ("object: %s%s"):format(self.name, self.handle and "" or " (closed)")
end

--- Closes links and readers of any number of objects. Links go together: the kernel's
--- wait for those that run in a probe is then paid once.
function M.close_things(things)
  local handles, links = {}, {}
  for _, thing in ipairs(things) do
    if thing.spec then links[#links + 1] = thing end
  end
  losses.note_missed(links)
  for _, thing in ipairs(things) do
    if thing.spec and thing.handle then
      handles[#handles + 1] = thing.handle
      thing.handle = nil
    end
  end
  host.close_links(handles)
  for _, thing in ipairs(things) do
    if not thing.spec then thing:close() end
  end
end

--- Under --dry-run: has the kernel verify what the script has not loaded itself. Where
--- --dump shows what is known before a load, the kernel is not asked.
function M.verify_rest()
  local dumped = loop.settings.dump
  if dumped and dumped ~= "verifier" then return end
  for _, object in ipairs(unverified) do
    if object.handle then object:ensure_loaded() end
  end
end

--- The end of the program: detaches everything.
function M.close_all()
  local things = {}
  for object in pairs(live) do
    for _, thing in ipairs(object.links) do things[#things + 1] = thing end
    object.links = {}
  end
  live = {}
  M.close_things(things)
end

return M
