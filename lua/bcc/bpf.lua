-- BPF: the class that BCC's scripts are written against. It compiles a text, loads its
-- functions, attaches them and hands out tables; the stages below are lua/bpf's.
local attach = require "bcc.attach"
local class = require "bcc.class"
local errors = require "bpf.errors"
local kernel = require "bcc.kernel"
local nearest = require "bpf.nearest"
local object = require "bpf.object"
local open_links = require "bcc.open_links"
local perf_types = require "bcc.perf_types"
local Pipe = require "bcc.trace"
local program_types = require "bcc.program_types"
local tables = require "bcc.table"
local wait = require "bcc.wait"

---@class bcc.BPF
local BPF = class.new("BPF")

BPF.static.KPROBE_LIMIT = tonumber(os.getenv "BCC_PROBE_LIMIT") or 1000
BPF.static.SCRIPT_ROOT = "./"
BPF.static.BPFAttachType = program_types.BPFAttachType
for _, constants in ipairs { program_types.constants, kernel } do
  for name, value in pairs(constants) do BPF.static[name] = value end
end
for name, value in pairs(perf_types) do
  if type(value) == "table" then BPF.static[name] = value end
end
BPF.static.XDP_FLAGS_SKB_MODE, BPF.static.XDP_FLAGS_DRV_MODE = 2, 4
BPF.static.XDP_FLAGS_HW_MODE, BPF.static.XDP_FLAGS_REPLACE = 8, 16

local DEBUG_SOURCE = 4
local live = {} -- instances, until close(): what they attached stays

--- Where src_file is looked for besides the current folder.
---@param script string the path of the script
function BPF.static.script_root(script)
  BPF.static.SCRIPT_ROOT = script:match "^(.*/)[^/]*$" or "./"
  return BPF
end

function BPF.static.num_open_kprobes() return open_links.count "kprobe" end
function BPF.static.num_open_uprobes() return open_links.count "uprobe" end
function BPF.static.num_open_tracepoints() return open_links.count "tracepoint" end

--- Detaches all.
function BPF.static.cleanup()
  for bpf in pairs(live) do bpf:close() end
end

local function find_file(name)
  for _, path in ipairs { name, BPF.static.SCRIPT_ROOT .. name } do
    local file = io.open(path, "rb")
    if file then
      local text = file:read "*a"
      file:close()
      if text then return path, text end
    end
    if name:sub(1, 1) == "/" then break end
  end
  errors.misuse(("cannot find the file %s, from here or from %s")
                :format(name, BPF.static.SCRIPT_ROOT))
end

local ARGUMENTS = { text = true, src_file = true, hdr_file = true, cflags = true,
                    debug = true, usdt = true, usdt_contexts = true, allow_rlimit = true,
                    device = true, attach_usdt_ignore_pid = true }

-- Hooks that a function's name tells and that are attached when asked for.
local NOT_AUTOMATIC = { fmod_ret = true, iter = true }

local function check_arguments(args)
  if type(args) ~= "table" then
    errors.misuse("BPF takes a table: BPF:new{text = ...}")
  end
  for name in pairs(args) do
    if not ARGUMENTS[name] then
      errors.misuse(("BPF has no argument '%s'"):format(tostring(name)),
                    nearest.hint(tostring(name), nearest.keys(ARGUMENTS), "arguments"))
    end
  end
  if not args.text and not args.src_file then
    errors.misuse("BPF takes a text or a src_file")
  end
end

--- Takes text or src_file, cflags, usdt (a USDT) or usdt_contexts (a list of them) and
--- debug (4: shows the C). Functions whose names tell their hook (kprobe__vfs_read) are
--- attached at once.
function BPF:initialize(args)
  check_arguments(args)
  self.contexts = args.usdt_contexts or { args.usdt }
  self.functions, self.tables, self.links, self.lost = {}, {}, {}, {}
  local readers = {}
  for i, context in ipairs(self.contexts) do readers[i] = context:get_text() end
  local path, text = nil, args.text
  if not text then path, text = find_file(args.src_file) end
  if type(args.debug) == "number" and math.floor(args.debug / DEBUG_SOURCE) % 2 == 1 then
    io.stderr:write(table.concat(readers), text, "\n")
  end
  local is_libbpf = text:find "SEC%s*%(" ~= nil
  self.object = object.load {
    source = not path and text or nil, file = path, cflags = args.cflags,
    dialect = not is_libbpf and "bcc" or nil, prelude = table.concat(readers),
  }
  for _, program in ipairs(self.object.order) do
    program.own_hook = program.hook
    if program.hook and NOT_AUTOMATIC[program.hook:match "^[^:]+"] then
      program.hook = nil
    end
  end
  live[self] = true
  self:attach_automatically()
  for _, context in ipairs(self.contexts) do context:attach_uprobes(self) end
end

local OPEN_AS = { kprobe = "kprobe", kretprobe = "kprobe", uprobe = "uprobe",
                  uretprobe = "uprobe", tracepoint = "tracepoint" }

function BPF:attach_automatically()
  for _, program in ipairs(self.object.order) do
    if program.hook then
      local kind = OPEN_AS[program.hook:match "^[^:]+"] or "other"
      self:attach_spec(kind, program.name, program.hook)
    end
  end
end

--- b["map"], b.map: a table of that name.
function BPF.__methods:__index(name)
  local loaded = rawget(self, "object")
  if type(name) ~= "string" or not loaded then return nil end
  local native = rawget(loaded.maps, name)
  if native then return self:get_table(name) end
  errors.misuse(("BPF has no method and no table '%s'"):format(name),
                nearest.hint(name, nearest.keys(loaded.maps), "tables"))
end

--- A program by name, or by its name without one of the prefixes.
function BPF:find_program(name, prefixes)
  if type(name) == "table" then name = name.name end
  for _, prefix in ipairs(prefixes or {}) do
    local found = rawget(self.object.programs, prefix .. name)
    if found then return found end
  end
  return self.object.programs[name]
end

---@class bcc.Function
---@field bpf bcc.BPF
---@field name string
---@field fd integer

--- Loads a function as a program of a type.
---@param name string
---@param kind string|integer? "BPF_PROG_TYPE_KPROBE", BPF.XDP …
---@param device string? not used: programs for a device's own processor
---@param attach_type integer? of BPF.BPFAttachType
---@return bcc.Function
function BPF:load_func(name, kind, device, attach_type)
  local known = self.functions[name]
  if known then return known end
  if device then errors.misuse("load_func: programs for a device are not supported") end
  local program = self.object.programs[name]
  local section = not program.own_hook and program_types.section(kind or "KPROBE",
                                                                 attach_type) or nil
  self.object:ensure_loaded(program, nil, section)
  known = { bpf = self, name = name, fd = program:fd() }
  self.functions[name] = known
  return known
end

--- Loads every function whose name does not tell its type.
---@param kind string|integer? default KPROBE
---@return bcc.Function[]
function BPF:load_funcs(kind)
  local loaded = {}
  for i, program in ipairs(self.object.order) do
    loaded[i] = self:load_func(program.name, kind)
  end
  return loaded
end

--- The BPF instructions of a function as bytes.
function BPF:dump_func(name)
  local program = self.object.programs[name]
  return errors.check(self.object.handle:program_instructions(program.name))
end

--- C types of a table's keys and leaves.
function BPF:decode_table(name)
  local found = self:get_table(name)
  return found.Key, found.Leaf
end

--- Attaches a function to a probe spec, once: asked for twice, it stays attached once.
function BPF:attach_spec(kind, fn_name, spec, options)
  local program = self:find_program(fn_name)
  for _, known in ipairs(self.links) do
    if known.spec == spec and known.program == program and known.pid ==
       (options and options.pid) then
      return known.link
    end
  end
  local made = program:attach(spec, options)
  self.links[#self.links + 1] = { kind = kind, spec = spec, program = program,
                                  link = made, pid = options and options.pid }
  open_links.opened(kind == "usdt" and "uprobe" or kind)
  return made
end

local function same_place(known, spec)
  return known.spec == spec or known.link.spec == spec
    or known.spec:find(spec .. ":", 1, true) == 1 and known.spec:find "^xdp:" ~= nil
end

--- Detaches what is at these places, of one function or of all.
function BPF:detach_specs(specs, fn_name)
  local rest, closed = {}, 0
  for _, known in ipairs(self.links) do
    local hit = false
    for _, spec in ipairs(specs) do hit = hit or same_place(known, spec) end
    if hit and (not fn_name or known.program == self:find_program(fn_name)) then
      known.link:close()
      open_links.closed(known.kind == "usdt" and "uprobe" or known.kind)
      closed = closed + 1
    else
      rest[#rest + 1] = known
    end
  end
  if closed == 0 then
    errors.misuse(("nothing is attached to %s"):format(table.concat(specs, ", ")))
  end
  self.links = rest
end

--- The table of a map. `ktype` and `ltype` are C types in text; default: those of the C.
---@return bcc.Table
function BPF:get_table(name, ktype, ltype)
  local found = self.tables[name]
  if not found or ktype or ltype then
    self.object:ensure_loaded()
    found = tables.new(self, self.object.maps[name], ktype, ltype)
    self.tables[name] = found
  end
  return found
end

local pipe

--- What bpf_trace_printk writes.
function BPF:pipe() -- luacheck: ignore 212
  pipe = pipe or Pipe:new()
  return pipe
end

function BPF:trace_open() return self:pipe() end
function BPF:trace_readline(nonblocking) return self:pipe():readline(nonblocking) end
function BPF:trace_fields(nonblocking) return self:pipe():trace_fields(nonblocking) end

--- Prints lines until Ctrl-C: whole, or by a text with {0} to {5} for the fields.
function BPF:trace_print(form)
  while true do
    if form then
      local fields = { self:trace_fields() }
      local text = form:gsub("{(%d)}", function(n)
        return tostring(fields[tonumber(n) + 1])
      end)
      print(text)
    else
      print(self:trace_readline())
    end
  end
end

--- Has `fn(nil, count)` called when records of a buffer were lost.
function BPF:watch_lost(native, reader, fn)
  self.lost[#self.lost + 1] = { native = native, reader = reader, fn = fn, known = 0 }
end

local function report_lost(self)
  for _, watched in ipairs(self.lost) do
    -- Of objects that another compiler made, the reader alone knows.
    local now = watched.native:lost() or watched.reader:lost()
    if now > watched.known then
      local new = now - watched.known
      watched.known = now
      watched.fn(nil, new)
    end
  end
end

--- Ends the running poll; it returns `result`.
function BPF:stop_poll(result)
  self.stopped = result
  require("bpf.loop").stop()
end

--- Hands what is in the buffers to their callbacks. Without a time, waits for some.
---@param milliseconds integer?
function BPF:perf_buffer_poll(milliseconds)
  self.stopped = false
  local ok, result = pcall(wait.events, milliseconds)
  report_lost(self)
  if self.stopped then return self.stopped end
  if not ok then error(result, 0) end
  return result
end

BPF.kprobe_poll, BPF.ring_buffer_poll = BPF.perf_buffer_poll, BPF.perf_buffer_poll

function BPF:perf_buffer_consume() return self:perf_buffer_poll(0) end
BPF.ring_buffer_consume = BPF.perf_buffer_consume

--- Polls until Ctrl-C, and returns then: what follows is the script's summary. A failing
--- callback raises.
function BPF:perf_buffer_poll_loop()
  local loop = require "bpf.loop"
  while true do
    local ok, err = pcall(self.perf_buffer_poll, self)
    if not ok and err == loop.ENDED and not loop.output_closed then return false end
    if not ok then error(err, 0) end
  end
end
BPF.kprobe_poll_loop = BPF.perf_buffer_poll_loop

--- Detaches, closes tables. A second call does nothing.
function BPF:close()
  for _, known in ipairs(self.links) do
    open_links.closed(known.kind == "usdt" and "uprobe" or known.kind)
  end
  self.links = {}
  self.object:close()
  live[self] = nil
end

attach.add_methods(BPF)

return BPF
