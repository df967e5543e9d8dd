-- Maps without an object of the script's: made by bpf.create_map, found by bpf.open_map.
local host = require "bpf.host"
local errors = require "bpf.errors"
local map = require "bpf.map"
local object = require "bpf.object"
local option_table = require "bpf.options"

local M = {}

-- The part of bpf.Object that a map asks of its owner.
local Opened = {}
Opened.__index = Opened

function Opened:ensure_loaded()
  if not self.handle then errors.misuse(("map '%s' is closed"):format(self.name)) end
end

-- Readers of opened maps, which live until the end.
local readers = {}

function Opened.own(_, thing)
  readers[#readers + 1] = thing
  return thing
end

function Opened.forget() end

--- Opens a map that exists.
---@param options {path: string?, id: integer?, name: string?} one of them
---@return bpf.Map
function M.open(options)
  local how, what = option_table.existing("bpf.open_map", options)
  local handle = errors.check(host.open_map(how, what))
  local entry = handle:maps()[1]
  local owner = setmetatable({ name = entry.name, handle = handle }, Opened)
  return map.new(owner, entry)
end

local TYPES = { type = "string", key = "string", value = "string", entries = "number",
                flags = "number", name = "string", types = "string", inner = "table" }

-- Kinds whose elements are numbers that stand for something: what they are in C.
local PLAIN = { array_of_maps = "u32", hash_of_maps = "u32", prog_array = "u32",
                perf_event_array = "u32", cgroup_array = "u32", xskmap = "u32",
                sockmap = "u64", stack_trace = "u64[127]" }

local function number(options, name)
  local value = options[name]
  if value and not option_table.is_u32(value) then
    errors.misuse(("bpf.create_map: %s is an integer from 0 to 2^32-1, got %s")
                  :format(name, value))
  end
  return value
end

--- Kinds of maps are enumerators of the kernel's.
local function check_kind(kind)
  local value, err = host.kernel_enumerator("BPF_MAP_TYPE_" .. kind:upper())
  if not value and err.code == "not_found" then
    errors.misuse(("bpf.create_map: this kernel has no kind of map '%s'"):format(kind),
                  "ebpf-lua --info lists the kinds of maps", "not_supported")
  end
end

--- The members of a map's declaration in C.
local function members(options, level)
  local kind = options.type
  if not kind or not kind:match("^[%l%d_]+$") then
    errors.misuse("bpf.create_map takes the kind of map as type: \"hash\", \"array\"…")
  end
  check_kind(kind)
  if kind:match("_of_maps$") and not options.inner then
    errors.misuse("bpf.create_map: a map of maps takes inner = { type =, … }",
                  "its kind, key, value and entries are those of the maps in it")
  end
  local out = { ("__uint(type, BPF_MAP_TYPE_%s);"):format(kind:upper()) }
  local function add(form, value)
    if value then out[#out + 1] = form:format(value) end
  end
  local plain = PLAIN[kind]
  add("__type(key, %s);", options.key or plain and "u32")
  add("__type(value, %s);", options.value or plain)
  add("__uint(max_entries, %d);", number(options, "entries"))
  add("__uint(map_flags, %d);", number(options, "flags"))
  if options.inner then
    if level > 0 then errors.misuse("bpf.create_map: an inner map has no inner map") end
    option_table.check("bpf.create_map: inner", options.inner, TYPES)
    out[#out + 1] = ("__array(values, struct { %s });")
      :format(table.concat(members(options.inner, level + 1), " "))
  end
  return out
end

--- Makes a map without a program. Types are written in C.
---@param options table {type=, key=, value=, entries=, flags=, name=, types=, inner=}
---@return bpf.Map
function M.create(options)
  option_table.check("bpf.create_map", options, TYPES)
  local name = options.name or "map"
  if not name:match("^[%a_][%w_]*$") then
    errors.misuse(("bpf.create_map: '%s' is no name for a map"):format(name),
                  "letters, digits and '_'")
  end
  local text = ("%s\nstruct { %s } %s SEC(\".maps\");\n")
    :format(options.types or "", table.concat(members(options, 0), " "), name)
  local made = object.load { source = text, name = name }
  made:ensure_loaded()
  return made.maps[name]
end

return M
