-- Programs of an object: loading and attaching one of them.
local host = require "bpf.host"
local errors = require "bpf.errors"
local kernel_program = require "bpf.kernel_program"
local link = require "bpf.link"
local loop = require "bpf.loop"
local option_table = require "bpf.options"
local test_run = require "bpf.test_run"

local M = {}

---@class bpf.Program: bpf.KernelProgram
---@field name string
---@field section string its SEC() name
---@field private owner bpf.Object
---@field private hook string? the spec that the section gives
---@field private struct_ops boolean a function of a struct_ops map
local Program = {}
Program.__index = Program
kernel_program.add_to(Program)

---@param owner bpf.Object
---@param entry {name: string, section: string}
---@return bpf.Program
function M.new(owner, entry)
  local hook = errors.check(host.section_spec(entry.section))
  return setmetatable({ owner = owner, name = entry.name, section = entry.section,
                        hook = hook,
                        struct_ops = entry.section:match("^%??struct_ops") ~= nil },
                      Program)
end

-- Kinds of probes that the kernel can restrict to a process: -p does it for all.
local OF_PROCESS = { uprobe = true, uretprobe = true, ["uprobe.session"] = true,
                     usdt = true, perf = true }

--- `options` with the process of -p where the script names none.
local function scoped(spec, options)
  local pid = loop.settings.attach_pid
  if not pid or not spec or not OF_PROCESS[spec:match("^[^:]+")] then return options end
  options = options or {}
  options.pid = options.pid or pid
  return options
end

local ATTACH_OPTIONS = { pid = "integer", cpu = "integer", cookie = "any",
                         maxactive = "integer",
                         replace = "boolean", before = "any", after = "any",
                         defrag = "boolean", priority = "integer", socket = "integer",
                         map = "table", target = "table",
                         device = "string", via = "string" }

--- before = and after = as the host takes them: a link, a program, or true for all.
local function position(options)
  local neighbour = options.before or options.after
  if neighbour == nil then return nil end
  if options.before ~= nil and options.after ~= nil then
    errors.misuse("program:attach takes before or after, not both")
  end
  local place = { before = options.before ~= nil }
  if neighbour == true then return place end
  local kind = type(neighbour) == "table" and getmetatable(neighbour)
  if kind == Program then
    place.program_id = neighbour:id()
  elseif kind == link.Link then
    place.link_id = neighbour:info().id
  else
    errors.misuse("before and after take a link, a program or true")
  end
  return place
end

--- One cookie for all, or a table of them by the function's name.
local function cookies(given)
  if given == nil or type(given) == "number" then return given, nil end
  local good = type(given) == "table"
  for name, cookie in pairs(good and given or {}) do
    good = good and type(name) == "string" and type(cookie) == "number"
  end
  if not good then
    errors.misuse("program:attach: cookie is a number, or a table of numbers by function")
  end
  return nil, given
end

--- freplace:FUNCTION with the program that has that function -> freplace:ID:FUNCTION.
---@param self bpf.Program
local function with_target(self, spec, target)
  local name = spec and spec:match("^freplace:([^:]+)$")
    or not spec and self.section:match("^freplace/(.+)$")
  if not name or getmetatable(target) ~= Program then
    errors.misuse("program:attach: target is a program, for freplace:FUNCTION",
                  "the program that has the function: { target = other.programs.NAME }")
  end
  return ("freplace:%d:%s"):format(target:id(), name)
end

--- The options that the host takes, from those that a script writes.
local function host_options(options)
  local out = {}
  for name, value in pairs(options) do out[name] = value end
  out.before, out.after, out.target, out.position = nil, nil, nil, position(options)
  out.map = options.map and options.map:fd()
  out.cookie, out.cookies = cookies(options.cookie)
  return out
end

--- Attaches to `spec`, or to the hook that its SEC() names. Loads it first where needed.
---@param spec string?
---@param options table? docs/api.md has a table of them by kind
---@return bpf.Link
function Program:attach(spec, options)
  if spec ~= nil and type(spec) ~= "string" then
    errors.misuse('program:attach takes a probe such as "tracepoint:sched:sched_switch"')
  end
  if options ~= nil then
    option_table.check("program:attach", options, ATTACH_OPTIONS)
    if options.target then spec = with_target(self, spec, options.target) end
    options = host_options(options)
  end
  if not spec and not self.hook then
    errors.misuse(("program '%s' names no hook: SEC(\"%s\")")
                  :format(self.name, self.section),
                  self.struct_ops and "attach its map: obj.maps.NAME:attach()"
                  or "pass one, for example :attach(\"xdp:eth0\")")
  end
  if spec then errors.check(host.parse_spec(spec)) end
  options = scoped(spec or self.hook, options)
  self.owner:ensure_loaded(self, spec)
  local owner = self.owner
  if loop.settings.dry_run then return link.dry(spec or self.hook, owner) end
  local handle = errors.check(owner.handle:attach(self.name, spec or self.hook, options))
  return owner:own(link.new(handle, self))
end

--- Loads it into the kernel: verifier errors show here.
---@param spec string? the probe that it is for, where its SEC() does not tell its type
---@return bpf.Program self
function Program:load(spec)
  if spec then
    errors.check(host.parse_spec(spec))
  elseif self.section:match("^bcc/") then
    errors.misuse(("program '%s' has no type yet"):format(self.name),
                  "say what it is for: :load(\"xdp:eth0\"), or attach it")
  end
  self.owner:ensure_loaded(self, spec)
  return self
end

--- The kernel's number of the loaded program; loads it first where needed.
---@return integer
function Program:id()
  self.owner:ensure_loaded(self)
  return errors.check(self.owner.handle:program_id(self.name))
end

--- The descriptor of the loaded program; loads it first where needed.
---@return integer
function Program:fd()
  self.owner:ensure_loaded(self)
  return errors.check(self.owner.handle:program_fd(self.name))
end

--- Runs it in the kernel on input of the script's own, with nothing attached: programs
--- that get a packet, raw tracepoints (`ctx` is their arguments), fentry and fexit on
--- bpf_fentry_test functions, sk_lookup and syscall programs. A socket filter's packet
--- begins behind the Ethernet header. Loads it first where needed.
---@param options bpf.TestRun?
---@return bpf.TestRunResult
function Program:test_run(options)
  local data, context, times = test_run.input(options or {})
  self.owner:ensure_loaded(self)
  return errors.check(host.test_run(self.owner.handle, self.name, data, context, times))
end

function Program:__tostring()
  return ("program: %s SEC(\"%s\")"):format(self.name, self.section)
end

return M
