-- Tables: BCC's maps. One class, and for each type of map what it has besides; the
-- operations are those of lua/bpf/map.lua over plain FFI values (ctype.lua).
local ffi = require "ffi"
local C = require "bpf.ffi_api"
local class = require "bcc.class"
local ctype = require "bcc.ctype"
local errors = require "bpf.errors"
local events = require "bpf.events"
local histogram = require "bcc.histogram"
local map = require "bpf.map"
local percpu = require "bpf.percpu"
local value_text = require "bcc.value_text"

local M = {}

local PER_CPU = { percpu_hash = true, percpu_array = true, lru_percpu_hash = true }
local BUFFER_PAGES = 8

---@class bcc.Table
local Table = class.new("Table")

local function layout_of(handle, id)
  return id ~= 0 and errors.check(handle:layout(id)) or nil
end

local function ctype_of(text, layout, size)
  if text then return ctype.of_text(text) end
  return layout and ctype.of_layout(layout) or ctype.of_size(size)
end

--- The codec of bpf.Map for a table whose types may be given as text.
local function codec(self)
  local function of(set)
    return { size = set:size(), own = set:own(), write = set:write() }
  end
  return { of = function()
    local keys = self.key and of(self.key) or nil
    if not PER_CPU[self.type] then return keys, of(self.leaf) end
    return keys, percpu.codec(self.leaf, 1, C.ebl_possible_cpus())
  end }
end

--- `native` is the object's own map; `ktype` and `ltype` are C types in text.
function Table:initialize(bpf, native, ktype, ltype)
  local entry, handle = native.entry, native.owner.handle
  self.bpf, self.native, self.name, self.type = bpf, native, native.name, native.type
  self.max_entries = entry.max_entries
  self.key_layout = entry.key_size > 0 and layout_of(handle, entry.key_type) or nil
  self.leaf_layout = layout_of(handle, entry.value_type)
  if entry.key_size > 0 then
    self.key = ctype_of(ktype, self.key_layout, entry.key_size)
    self.c_key = self.key.one
    self.Key = self.key.ctype
  end
  if entry.value_size > 0 then
    self.leaf = ctype_of(ltype, self.leaf_layout, entry.value_size)
    self.c_leaf = self.leaf.one
    self.Leaf = self.leaf.ctype
  end
  self.map = map.new(native.owner, entry, codec(self))
end

Table.__methods.__tostring = function(self)
  return ("table: %s (%s)"):format(self.name, self.type)
end

local function is_name(key)
  return type(key) == "string"
end

-- t[key] for keys that are no text, as Python's users write it.
function Table.__methods:__index(key)
  if is_name(key) then return nil end
  return self:get(key)
end

function Table.__methods:__newindex(key, value)
  if is_name(key) then
    rawset(self, key, value)
  elseif value == nil then
    self:delete(key)
  else
    self:set(key, value)
  end
end

function Table:fd() return self.map:fd() end

function Table:get(key) return self.map:lookup(key) end

function Table:set(key, value) errors.check(self.map:update(key, value)) end

--- Whether the key was there.
function Table:delete(key) return errors.check(self.map:delete(key)) end

--- for key, leaf in t:items(); keys that are deleted meanwhile are left out.
function Table:items() return self.map:pairs() end

function Table:keys()
  local next_pair = self.map:pairs()
  return function() return (next_pair()) end
end

function Table:values()
  local next_pair = self.map:pairs()
  return function()
    local key, leaf = next_pair()
    if key ~= nil then return leaf end
  end
end

Table.iteritems, Table.iterkeys, Table.itervalues = Table.items, Table.keys, Table.values
Table.iter = Table.keys

--- The key after `key`, or the first; nil at the end.
function Table:next(key)
  local found = key == nil
  local wanted = not found and ffi.string(self.key:make(key), self.key:size())
  for other in self:keys() do
    if found then return other end
    found = ffi.string(self.key:make(other), self.key:size()) == wanted
  end
end

function Table:size() return self.map:count() end
Table.len = Table.size

function Table:clear() self.map:clear() end

--- Every leaf becomes zero; keys stay.
function Table:zero()
  local zero = self.leaf.one()
  for _, key in ipairs(self:key_list()) do self:set(key, zero[0]) end
end

function Table:key_list()
  local list = {}
  for key in self:keys() do list[#list + 1] = key end
  return list
end

--- Takes every entry out: returns an iterator over what was taken.
function Table:items_lookup_and_delete_batch()
  local keys, leaves = self.map:lookup_and_delete_all()
  local place = 0
  return function()
    place = place + 1
    return keys[place], leaves[place]
  end
end

function Table:items_lookup_batch() return self:items() end

--- Sets leaves[i] for keys[i].
function Table:items_update_batch(keys, leaves)
  errors.check(self.map:update_all(keys, leaves))
end

--- Deletes these keys, or all.
function Table:items_delete_batch(keys)
  errors.check(self.map:delete_all(keys or self:key_list()))
end

local function layout_for(self, part)
  return self[part .. "_layout"] or { types = { { kind = "int",
    size = self[part]:size(), signed = false } }, root = 1 }
end

for _, part in ipairs { "key", "leaf" } do
  Table[part .. "_sprintf"] = function(self, value)
    return value_text.show(layout_for(self, part), self[part]:make(value)[0])
  end
  Table[part .. "_scanf"] = function(self, text)
    local value = value_text.read(layout_for(self, part), text)
    return self[part]:make(value)[0]
  end
end

for name, print_with in pairs(histogram) do
  Table[name] = function(self, ...) return print_with(self.native, ...) end
end

-- What each type of map has besides.

local Hash = class.new("HashTable", Table)

local Array = class.new("Array", Table)

--- Negative indices count from the end.
local function index_of(self, key)
  local index = tonumber(key)
  if index and index < 0 then index = index + self.max_entries end
  if not index or index < 0 or index >= self.max_entries then
    errors.misuse(("index %s is outside 0 to %d of table '%s'")
                  :format(tostring(key), self.max_entries - 1, self.name))
  end
  return index
end

function Array:get(key) return self.map:lookup(index_of(self, key)) end
function Array:set(key, value)
  errors.check(self.map:update(index_of(self, key), value))
end

--- Leaves in the order of their indices; with `with_index`, place (from 1) and leaf.
function Array:items(with_index)
  local place = 0
  return function()
    if place == self.max_entries then return nil end
    place = place + 1
    local leaf = self.map:lookup(place - 1)
    if with_index then return place, leaf end
    return leaf
  end
end

function Array:len() return self.max_entries end
Array.size = Array.len

--- One leaf becomes zero.
function Array:clearitem(key) self:set(key, self.leaf.one()[0]) end
Array.delete = Array.clearitem

function Array:clear()
  for index = 0, self.max_entries - 1 do self:clearitem(index) end
end
Array.zero = Array.clear

local function per_cpu(parent)
  local PerCpu = class.new("PerCpu" .. parent.name, parent)
  local function list(self, key) return parent.get(self, key) end

  --- A leaf for each CPU, or what the table's reducer makes of them.
  function PerCpu:get(key)
    local leaves = list(self, key)
    local reducer = rawget(self, "reducer")
    if leaves == nil or not reducer then return leaves end
    local result = leaves[1]
    for cpu = 2, #leaves do result = reducer(result, leaves[cpu]) end
    return result
  end
  PerCpu.getvalue = list
  function PerCpu:sum(key) return list(self, key):sum() end
  function PerCpu:max(key) return list(self, key):max() end
  function PerCpu:average(key) return list(self, key):avg() end
  function PerCpu:clearitem(key) self:set(key, 0) end
  return PerCpu
end

--- Attaches sockets, programs, groups by what the script has: a descriptor, or a thing.
local function holder(name, descriptor_of)
  local Holder = class.new(name, Array)
  function Holder:set(key, value)
    local fd, close = descriptor_of(value)
    local done, err = self.map:update(index_of(self, key), fd)
    if close then close() end
    errors.check(done, err)
  end
  function Holder:delete(key)
    return errors.check(self.map:delete(index_of(self, key)))
  end
  Holder.clearitem = Holder.delete
  return Holder
end

ffi.cdef [[
int ebl_bcc_open(const char *path, int flags, ...) __asm__("open");
int ebl_bcc_close(int fd) __asm__("close");
]]
local O_CLOEXEC = 0x80000

local ProgArray = holder("ProgArray", function(value)
  return type(value) == "table" and value.fd or value
end)

local CgroupArray = holder("CgroupArray", function(value)
  if type(value) ~= "string" then return value end
  local fd = ffi.C.ebl_bcc_open(value, O_CLOEXEC)
  if fd < 0 then
    errors.misuse(("cannot open the control group %s, errno %d")
                  :format(value, ffi.errno()))
  end
  return fd, function() ffi.C.ebl_bcc_close(fd) end
end)

local MapInMap = class.new("MapInMap", Table)
function MapInMap:set(key, value)
  local fd = type(value) == "table" and value:fd() or value
  errors.check(self.map:update(key, fd))
end

local PerfEventArray = class.new("PerfEventArray", Table)

--- The record: as the text says, or as the C does.
local function record_type(self, text, parameters)
  if text then return ctype.of_text(text, parameters) end
  local id = self.native.entry.record_type
  if id == 0 then
    errors.misuse(("the type of the records of '%s' is not known"):format(self.name),
                  "give its C type: open_perf_buffer(fn, \"struct { int pid; }\")")
  end
  return ctype.of_layout(errors.check(self.native.owner.handle:layout(id)))
end

local function open_reader(self, amount)
  if self.reader then self.reader:close() end
  self.reader = events.open(self:fd(), self.type, amount)
  self.native.owner:own(self.reader)
  return self.reader
end

--- Calls `callback(cpu, event)` for each record while the script polls.
---@param callback fun(cpu: integer, event: ffi.cdata*)
---@param data_type string? its C type; default: what the C gives to perf_submit
---@param data_params any[]? for `$` in it
---@param page_cnt integer? pages a CPU, default 8
---@param lost_cb fun(cookie: nil, count: integer)?
function PerfEventArray:open_perf_buffer(callback, data_type, data_params, page_cnt,
                                         lost_cb)
  local record = record_type(self, data_type, data_params)
  local reader = open_reader(self, page_cnt or BUFFER_PAGES)
  self.record = record
  reader:each(function(event, cpu) callback(cpu, event) end, record, 1)
  if lost_cb then self.bpf:watch_lost(self.native, reader, lost_cb) end
end

--- A record as its C type, from a pointer to it.
function PerfEventArray:event(data)
  if ffi.istype(self.record and self.record.ctype or "int", data) then return data end
  self.record = self.record or record_type(self)
  return self.record:borrow()(data)
end

local RingBuf = class.new("RingBuf", Table)

--- Calls `callback(ctx, event, size)` for each record while the script polls. A callback
--- that returns a number other than 0 ends the poll.
---@param callback fun(ctx: any, event: ffi.cdata*, size: integer): integer?
---@param ctx any
---@param data_type string?
---@param data_params any[]?
function RingBuf:open_ring_buffer(callback, ctx, data_type, data_params)
  local record = record_type(self, data_type, data_params)
  local reader = open_reader(self, self.max_entries)
  self.record = record
  local size, bpf = record:size(), self.bpf
  reader:each(function(event)
    local result = callback(ctx, event, size)
    if type(result) == "number" and result ~= 0 then bpf:stop_poll(result) end
  end, record, 1)
end
RingBuf.event = PerfEventArray.event

local StackTrace = class.new("StackTrace", Table)
StackTrace.static.MAX_STACK = 127

--- Iterates over the addresses of a stack; over nothing where there is no such stack.
function StackTrace:walk(id, resolve)
  local number = tonumber(id)
  local stack = number and number >= 0 and self.map:lookup(number) or nil
  local place = 0
  return function()
    if not stack or place >= StackTrace.MAX_STACK then return nil end
    local address = stack.ip[place]
    if address == 0 then return nil end
    place = place + 1
    return resolve and resolve(address) or address
  end
end

--- The addresses of a stack in a list, or what `resolver` makes of each.
function StackTrace:get(id, resolver)
  local list = {}
  for address in self:walk(id, resolver) do list[#list + 1] = address end
  return list
end

local QueueStack = class.new("QueueStack", Table)
function QueueStack:push(leaf) errors.check(self.map:push(leaf)) end
function QueueStack:pop() return self.map:pop() end
function QueueStack:peek() return self.map:peek() end

--- Takes all out, one after the other.
function QueueStack:values()
  return function() return self.map:pop() end
end

local CLASSES = {
  hash = Hash, lru_hash = Hash, lpm_trie = Hash, sockhash = Hash, devmap_hash = Hash,
  array = Array, percpu_hash = per_cpu(Hash), lru_percpu_hash = per_cpu(Hash),
  percpu_array = per_cpu(Array), prog_array = ProgArray, cgroup_array = CgroupArray,
  perf_event_array = PerfEventArray, ringbuf = RingBuf, stack_trace = StackTrace,
  queue = QueueStack, stack = QueueStack,
  array_of_maps = MapInMap, hash_of_maps = MapInMap,
}

---@param bpf table the BPF instance
---@param native bpf.Map
---@param ktype string?
---@param ltype string?
---@return bcc.Table
function M.new(bpf, native, ktype, ltype)
  return (CLASSES[native.type] or Table):new(bpf, native, ktype, ltype)
end

return M
