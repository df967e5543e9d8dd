-- Maps: element operations, iteration and events, typed by BTF.
--
-- A Map is a Lua table whose methods call FFI, so that loops over it compile; what the
-- kernel holds belongs to the object. `m[k]` takes numbers, cdata and tables; a string
-- index is always a member of Map, so string keys go through m:lookup(k), m:update(k, v),
-- m:delete(k).
local bit = require "bit"
local ffi = require "ffi"
local C = require "bpf.ffi_api"
local arena = require "bpf.arena"
local errors = require "bpf.errors"
local losses = require "bpf.losses"
local events = require "bpf.events"
local frames = require "bpf.frames"
local host = require "bpf.host"
local map_batch = require "bpf.map_batch"
local map_codec = require "bpf.map_codec"
local nearest = require "bpf.nearest"
local records = require "bpf.record_type"

local M = {}

---@class bpf.Map
---@field name string
---@field type string the kernel's name of the kind: "hash", "ringbuf"…
local Map = {}

local ENOENT, EEXIST, E2BIG, EPERM, EINVAL, ENOSPC = 2, 17, 7, 1, 22, 28
local ENOTSUPP = 524 -- of the kernel alone
local FLAGS = { any = 0, noexist = 1, exist = 2 }
local BUFFERS = { ringbuf = true, perf_event_array = true }
local ARRAYS = { array = true, percpu_array = true }
local INDEXED = { array = true, percpu_array = true, prog_array = true, devmap = true,
                  array_of_maps = true, cgroup_array = true, cpumap = true, xskmap = true,
                  sockmap = true, reuseport_sockarray = true, perf_event_array = true }
-- What a map may not have yet, or never.
local ABSENT = { open_reader = true, keys = true, ring = true, map_fd = true }
-- Pages of a perf buffer on each CPU.
local PERF_PAGES = 64

---@param owner bpf.Object
---@param entry table as object:maps() of the host gives it
---@param codec {of: function}? how bytes become values; default: by BTF (map_codec.lua)
---@return bpf.Map
function M.new(owner, entry, codec)
  return setmetatable({ owner = owner, name = entry.name, type = entry.type,
                        entry = entry, opened = false, codec = codec or map_codec }, Map)
end

local function type_error(self, what)
  errors.misuse(("map '%s' is a %s: it has no %s"):format(self.name, self.type, what),
                BUFFERS[self.type] and "read its events with :each(fn) or :read(n)")
end

--- Descriptor, codecs and scratch memory: made at the first use, which also loads the
--- object.
local function open(self)
  self.owner:ensure_loaded()
  for _, entry in ipairs(self.owner.handle:maps()) do
    if entry.name == self.name then rawset(self, "entry", entry) end
  end
  local entry = self.entry
  rawset(self, "map_fd", entry.fd)
  rawset(self, "opened", true)
  if BUFFERS[self.type] or self.entry.value_size == 0 then return self end
  local keys, values = self.codec.of(self.owner.handle, entry)
  rawset(self, "values", values)
  rawset(self, "value", ffi.new("uint8_t[?]", math.max(values.size, 8)))
  if keys then
    rawset(self, "keys", keys)
    rawset(self, "key", ffi.new("uint8_t[?]", math.max(keys.size, 8)))
  end
  return self
end

local function ready(self)
  if not self.opened or not self.owner.handle then open(self) end
  return self
end

local function put_key(self, key)
  if not ready(self).keys then type_error(self, "keys") end
  self.keys.write(self.key, key, "key of map '" .. self.name .. "'")
  return self.key
end

local function frozen(self)
  return self.map_fd and host.map_state(self.map_fd).frozen
end

local REASONS = {
  [ENOENT] = "no such key", [EEXIST] = "the key exists already",
  [EPERM] = "a privilege is missing", [ENOSPC] = "there is no room",
  [EINVAL] = "the kernel refuses this operation or value",
  [ENOTSUPP] = "this kernel cannot do it with maps of this kind",
}

local CODES = { [EPERM] = "not_permitted", [ENOTSUPP] = "not_supported" }

local function reason(self, number)
  if number == EPERM and frozen(self) then return "the map is frozen" end
  if number == E2BIG and INDEXED[self.type] then
    return ("the index is past its %d entries"):format(self.entry.max_entries)
  elseif number == E2BIG then
    return ("the map is full: it holds %d entries"):format(self.entry.max_entries)
  end
  return REASONS[number] or "error"
end

local function failed(self, operation, number)
  return errors.new {
    stage = "read",
    code = not (number == EPERM and frozen(self)) and CODES[number] or "io",
    message = ("map '%s': %s failed: %s (errno %d)")
      :format(self.name, operation, reason(self, number), number),
    errno = number,
  }
end

--- The descriptor of the map; makes it where it is not there yet.
---@return integer
function Map:fd()
  return ready(self).map_fd
end

--- The value of a key, or nil where there is none.
---@param key any
---@return any
function Map:lookup(key)
  local place = put_key(self, key)
  local result = C.ebl_map_lookup(self.map_fd, place, self.value, 0)
  if result == 0 then return self.values.own(self.value) end
  if result == -ENOENT then return nil end
  error(failed(self, "look-up", -result), 0)
end

--- Sets a value. Returns true, or nil and the error where the kernel refuses it.
---@param key any
---@param value any for per-CPU kinds one value for all CPUs, or a list of them
---@param mode "any"|"noexist"|"exist"|nil
---@return boolean? done
---@return bpf.Error? err
function Map:update(key, value, mode)
  local flags = FLAGS[mode or "any"]
  if not flags then
    errors.misuse(("map:update takes \"any\", \"noexist\" or \"exist\", got '%s'")
                  :format(tostring(mode)))
  end
  local place = put_key(self, key)
  self.values.write(self.value, value, "value of map '" .. self.name .. "'")
  local result = C.ebl_map_update(self.map_fd, place, self.value, flags)
  if result == 0 then return true end
  return nil, failed(self, "update", -result)
end

--- Removes a key. Returns whether it was there, or nil and the error.
---@param key any
---@return boolean? removed
---@return bpf.Error? err
function Map:delete(key)
  local result = C.ebl_map_delete(ready(self).map_fd, put_key(self, key))
  if result == 0 then return true end
  if result == -ENOENT then return false end
  return nil, failed(self, "delete", -result)
end

--- Takes a value out: nil where the key is absent.
---@param key any
---@return any
function Map:lookup_and_delete(key)
  local place = put_key(self, key)
  local result = C.ebl_map_lookup_and_delete(self.map_fd, place, self.value)
  if result == 0 then return self.values.own(self.value) end
  if result == -ENOENT then return nil end
  error(failed(self, "look-up and delete", -result), 0)
end

--- for key, value in map:pairs(): entries deleted meanwhile are skipped.
---@return fun(): any, any
function Map:pairs()
  local keys, values = ready(self).keys, self.values
  if not keys then type_error(self, "keys to iterate") end
  local most = self.entry.max_entries
  local cursor = C.ebl_cursor_open(self.map_fd, keys.size, values.size, most, 0)
  cursor = ffi.gc(cursor, C.ebl_cursor_close)
  local key_at, value_at, own_key, own_value
  local key_size, value_size = keys.size, values.size
  own_key, own_value = keys.own, values.own
  local place, count = 0, 0
  return function()
    if place == count then
      count = C.ebl_cursor_next(cursor)
      if count < 0 then error(failed(self, "iteration", -count), 0) end
      if count == 0 then return nil end
      place, key_at, value_at = 0, C.ebl_cursor_keys(cursor), C.ebl_cursor_values(cursor)
    end
    local key = own_key(key_at + place * key_size)
    local value = own_value(value_at + place * value_size)
    place = place + 1
    return key, value
  end
end

--- Removes every entry; array values become zero.
function Map:clear()
  ready(self)
  if ARRAYS[self.type] then
    ffi.fill(self.value, self.values.size)
    for index = 0, self.entry.max_entries - 1 do
      self.keys.write(self.key, index)
      local result = C.ebl_map_update(self.map_fd, self.key, self.value, 0)
      if result ~= 0 then error(failed(self, "clear", -result), 0) end
    end
    return
  end
  local keys = {}
  for key in self:pairs() do keys[#keys + 1] = key end
  for _, key in ipairs(keys) do
    local removed, err = self:delete(key)
    if removed == nil then error(err, 0) end
  end
end

--- How many entries there are now.
---@return integer
function Map:count()
  local count = 0
  for _ in self:pairs() do count = count + 1 end
  return count
end

local function record_type(self, type_name)
  if type_name ~= nil then return records.named(self.owner, type_name) end
  if self.entry.record_type == 0 then
    errors.misuse(("the type of the records of map '%s' is not known"):format(self.name),
                  'name it: :each(fn, "struct event")')
  end
  return records.of(self.owner, self.entry.record_type)
end

map_batch.add_to(Map, { ready = ready, type_error = type_error, failed = failed,
                        flags = FLAGS,
                        keeps_entries = function(self) return ARRAYS[self.type] end })

--- Whether a bloom filter may have the value: false is certain, true is not.
---@param value any
---@return boolean
function Map:contains(value)
  if self.type ~= "bloom_filter" then type_error(self, "contains()") end
  ready(self).values.write(self.value, value, "value of map '" .. self.name .. "'")
  local result = C.ebl_map_lookup(self.map_fd, nil, self.value, 0)
  if result == 0 then return true end
  if result == -ENOENT then return false end
  error(failed(self, "look-up", -result), 0)
end

--- Puts a struct_ops map in force, with all its programs: a TCP congestion control can
--- be chosen then.
---@return bpf.Link
function Map:attach()
  if self.type ~= "struct_ops" then type_error(self, "attach()") end
  for _, program in ipairs(self.owner.order or {}) do
    if program.struct_ops then return program:attach("struct_ops:" .. self.name) end
  end
  errors.misuse(("map '%s': its object has no program for it"):format(self.name),
                'write one: SEC("struct_ops/NAME")')
end

--- Makes a file of a bpffs that keeps the map beyond the end of the program.
---@param path string
function Map:pin(path)
  errors.check(host.pin(ready(self).map_fd, "the map", path))
end

--- Forbids user space, this program included, to write to the map from now on.
function Map:freeze()
  errors.check(host.freeze_map(ready(self).map_fd))
end

--- All that the map holds, as a list of {key =, value =}.
---@return {key: any, value: any}[]
function Map:dump()
  local out = {}
  for key, value in self:pairs() do out[#out + 1] = { key = key, value = value } end
  return out
end

--- The frames of a stack, innermost first, by the number that bpf_get_stackid() gave; nil
--- where the map has none of that number. Names are looked up when they are asked for.
---@param id integer
---@param pid integer? the process of a user stack; nil: a stack of the kernel
---@return bpf.Frame[]?
function Map:stack(id, pid)
  if self.type ~= "stack_trace" then type_error(self, "stacks") end
  local place = put_key(self, id)
  local result = C.ebl_map_lookup(self.map_fd, place, self.value, 0)
  if result == -ENOENT then return nil end
  if result ~= 0 then error(failed(self, "look-up", -result), 0) end
  local words, addresses = ffi.cast("uint64_t *", self.value), {}
  for index = 0, self.values.size / 8 - 1 do
    if words[index] == 0 then break end
    local address = words[index]
    addresses[#addresses + 1] = address <= 2 ^ 53 and tonumber(address) or address
  end
  return frames.of(addresses, pid)
end

--- Writes a record to a ring whose reader is a program (user_ringbuf). Returns true, or
--- nil and the error (no room until the program has read).
---@param value any of the record's type; a string where that is not known
---@param type_name string? "struct command", where the C does not tell
---@return boolean? done
---@return bpf.Error? err
function Map:write(value, type_name)
  if self.type ~= "user_ringbuf" then type_error(self, "write()") end
  ready(self)
  if not self.ring then
    local ring = C.ebl_user_ring_open(self.map_fd)
    if ring == nil then error(failed(self, "opening", ffi.errno()), 0) end
    rawset(self, "ring", ffi.gc(ring, C.ebl_user_ring_close))
  end
  local data, size = value, type(value) == "string" and #value
  if not size then
    local set, root = record_type(self, type_name)
    size = set:size(root)
    data = ffi.new("uint8_t[?]", size)
    set:write(root)(data, value, "record of map '" .. self.name .. "'")
  end
  local result = C.ebl_user_ring_write(self.ring, data, size)
  if result == 0 then return true end
  return nil, failed(self, "write", -result)
end

--- A view of an arena's memory, which programs share: writes go through. The arena lives
--- as long as its object is open.
---@param type_name string "struct node"
---@param place (integer|ffi.cdata*)? an offset, or a pointer that a program has stored;
---default: the beginning
---@return any
function Map:view(type_name, place)
  if self.type ~= "arena" then type_error(self, "memory that is shared") end
  return arena.view(ready(self), type_name, place)
end

--- Appends to a queue or stack. Returns true, or nil and the error (full).
---@param value any
function Map:push(value)
  if ready(self).keys then type_error(self, "push") end
  self.values.write(self.value, value, "value of map '" .. self.name .. "'")
  local result = C.ebl_map_update(self.map_fd, nil, self.value, 0)
  if result == 0 then return true end
  return nil, failed(self, "push", -result)
end

--- Takes the next value of a queue or stack, or nil where it is empty.
function Map:pop()
  if ready(self).keys then type_error(self, "pop") end
  local result = C.ebl_map_lookup_and_delete(self.map_fd, nil, self.value)
  if result == 0 then return self.values.own(self.value) end
  if result == -ENOENT then return nil end
  error(failed(self, "pop", -result), 0)
end

--- The next value of a queue or stack, left there, or nil where it is empty.
function Map:peek()
  if ready(self).keys then type_error(self, "peek") end
  local result = C.ebl_map_lookup(self.map_fd, nil, self.value, 0)
  if result == 0 then return self.values.own(self.value) end
  if result == -ENOENT then return nil end
  error(failed(self, "peek", -result), 0)
end

local function check_buffer(self)
  if BUFFERS[self.type] then return end
  errors.misuse(("map '%s' is a %s: only ring and perf buffers have events")
                :format(self.name, self.type), "read it with :pairs() or by key")
end

--- Pages of each CPU's part of a perf buffer, as the options of each() give them.
local function pages_of(self, options)
  if options == nil then return PERF_PAGES end
  local pages = type(options) == "table" and options.pages
  if type(pages) ~= "number" or pages < 1 or pages > 2 ^ 20 or pages % 1 ~= 0
    or bit.band(pages, pages - 1) ~= 0 or next(options, next(options)) then
    errors.misuse("the options of map:each are {pages = N}, N a power of two",
                  "pages of a perf buffer on each CPU; by default " .. PERF_PAGES)
  elseif self.type ~= "perf_event_array" then
    errors.misuse(("map '%s' is a %s: its size is part of its definition in C")
                  :format(self.name, self.type))
  elseif self.open_reader then
    errors.misuse(("map '%s' has its buffers already"):format(self.name))
  end
  return pages
end

local function reader(self, options)
  local pages = pages_of(self, options)
  if not self.open_reader then
    local amount = self.type == "ringbuf" and self.entry.max_entries or pages
    rawset(self, "open_reader", events.open(self.map_fd, self.type, amount))
    self.owner:own(self.open_reader)
    local counted = losses.of(self.owner, self.name)
    if self.type == "perf_event_array" and not counted and self.owner.foreign then
      losses.watch_reader(self.owner, self.name, self.open_reader)
    end
  end
  return self.open_reader
end

--- Calls `fn(event, cpu)` for each record while the loop runs. The event is a view, valid
--- until `fn` returns (event:copy() keeps one). A second call replaces the first.
---@param fn fun(event: any, cpu: integer)
---@param type_name string? "struct event", where the C does not tell
---@param options {pages: integer}? of a perf buffer, on each CPU; default 64
---@return bpf.Map self
function Map:each(fn, type_name, options)
  check_buffer(self)
  if type(fn) ~= "function" then errors.misuse("map:each takes a function first") end
  local set, root = record_type(ready(self), type_name)
  reader(self, options):each(fn, set, root)
  return self
end

--- The records that are there now, at most `most`, as values of their own.
---@param most integer? default 1024
---@param type_name string?
---@return any[]
function Map:read(most, type_name)
  check_buffer(self)
  local set, root = record_type(ready(self), type_name)
  return reader(self):read(most or 1024, set, root)
end

--- What programs could not store in it: records that found no room, elements of a full
--- map, stacks with a colliding hash.
---@return integer? total nil where nothing counts it: maps of an object that another
---compiler made, other than perf buffers
---@return table<string, integer> by_program
function Map:lost()
  local total, by_program = losses.of(self.owner, self.name)
  return total or (not self.owner.foreign and 0 or nil), by_program
end

--- {name, type, key_size, value_size, max_entries, flags}, and of a map that is in the
--- kernel {id, memory, frozen}; memory in bytes.
function Map:info()
  local handle = self.owner.handle
  local entry, state = self.entry, {}
  if handle and (not handle.loaded or handle:loaded()) then
    entry = ready(self).entry
    state = host.map_state(self.map_fd)
  end
  return { id = state.id, memory = state.memory, frozen = state.frozen,
           name = self.name, type = self.type, key_size = entry.key_size,
           value_size = entry.value_size, max_entries = entry.max_entries,
           flags = entry.flags }
end

function Map.__index(self, key)
  if type(key) ~= "string" then return Map.lookup(self, key) end
  local method = rawget(Map, key)
  if method ~= nil or key:match("^_") then return method end
  if ABSENT[key] then return nil end
  local names = {}
  for name, value in pairs(Map) do
    local is_method = type(value) == "function" and name:sub(1, 2) ~= "__"
    if is_method then names[#names + 1] = name end
  end
  errors.misuse(("map '%s' has no member '%s'"):format(self.name, key),
                nearest.hint(key, names, "members")
                .. "; a string key goes through :lookup(key)")
end

function Map.__newindex(self, key, value)
  if type(key) == "string" then
    errors.misuse(("map '%s': a string index is a member's name"):format(self.name),
                  "a string key goes through :update(key, value)")
  end
  if value == nil then
    errors.check(Map.delete(self, key))
  else
    errors.check(Map.update(self, key, value))
  end
end

---@param value any
---@return boolean
function M.is_map(value)
  return type(value) == "table" and getmetatable(value) == Map
end

function Map.__tostring(self)
  return ("map: %s (%s)"):format(self.name, self.type)
end

return M
