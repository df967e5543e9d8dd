--- decode: bytes of BPF maps, events and variables <-> Lua values, typed by BTF.
--
-- The host describes types in a 1-based array that refers to itself by index:
--   {kind="int", size=1|2|4|8|16, signed=, bool=, char= (plain C char), name=}
--   {kind="float", size=4|8}   {kind="pointer", size=8}   {kind="opaque", size=}
--   {kind="enum", size=, signed=, name=, values={{name=, value=number|decimal string}}}
--   {kind="array", element=<index>, count=, size=}
--   {kind="struct"|"union", name=, size=,
--    fields={{name=, type=<index>, offset=<bits>, bits=<width of a bit-field>}}}
-- A member without a name is anonymous: its fields belong to the outer record.
--
-- In Lua: integers are numbers while |v| <= 2^53 and int64_t/uint64_t cdata above; char
-- arrays are strings up to the NUL; other arrays 1-based views with `#`; structs and
-- unions views; enums and pointers integers; __int128 {hi=, lo=}; opaque types strings
-- of all their bytes. A misuse raises and is blamed on the script's line.
--
-- Readers take an address (any pointer cdata) of at least set:size(index) bytes.

local codec = require "bpf.decode.codec"
local types = require "bpf.decode.types"
local view = require "bpf.decode.view"

local M = {}

---@class bpf.TypeSet
---@field private get fun(index: integer): bpf.Type
local Set = {}
Set.__index = Set

--- Wraps an array of type descriptions. Nothing is built before it is asked for.
---@param descriptions table[]
---@return bpf.TypeSet
function M.new(descriptions)
  return setmetatable({ get = types.table_of(descriptions) }, Set)
end

--- The description, with indices resolved to types; not to be changed.
---@param index integer
---@return bpf.Type
function Set:type(index)
  return self.get(index)
end

---@param index integer
---@return integer bytes
function Set:size(index)
  return self.get(index).size
end

--- Reader without a copy: structs, unions and arrays become read-only views that are
--- valid as long as the memory is. Compiles, and leaves no garbage in a trace.
---@param index integer
---@return fun(address: ffi.cdata*): any
function Set:borrow(index)
  return codec.of(self.get(index)).load
end

--- Reader of writable memory: views that write through to it.
---@param index integer
---@return fun(address: ffi.cdata*, owner: any?): any owner: kept alive by the views
function Set:ref(index)
  local made = codec.of(self.get(index))
  if not made.ref then
    return made.load
  end
  local ref, keep = made.ref, view.keep
  return function(address, owner)
    local value = ref(address)
    return owner ~= nil and keep(value, owner) or value
  end
end

--- Reader that copies: views are writable and live as long as Lua holds them.
---@param index integer
---@return fun(address: ffi.cdata*): any
function Set:own(index)
  local made = codec.of(self.get(index))
  return made.own or made.load
end

--- Writer. Integers take numbers, cdata, decimal and 0x strings, booleans and, for an
--- enum, its names; a value that does not fit raises. Structs take tables (fields left
--- out are zero, unknown ones raise), arrays take lists (zero padded) and, of bytes, a
--- string of the exact size; both take a view of the same type.
--- A struct or list that raises half-way leaves the fields before it written.
---@param index integer
---@return fun(address: ffi.cdata*, value: any, where: string?) where: named in messages
function Set:write(index)
  return codec.of(self.get(index)).store
end

--- The methods of views, for a record that has a field of the same name.
M.copy = view.copy
M.totable = view.totable
M.exact = view.exact
M.raw = view.raw
M.name = view.name

M.fields = view.fields
M.type_of = view.type_of
M.on_tostring = view.on_tostring

return M
