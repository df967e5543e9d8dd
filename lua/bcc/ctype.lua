-- C types of LuaJIT for the keys, values and records of BCC's scripts, which expect plain
-- FFI values: arrays count from 0, char arrays are for ffi.string(), 64-bit integers are
-- cdata. A CType stands where lua/bpf takes a TypeSet, so maps and readers are the same.
local ffi = require "ffi"
local decode_types = require "bpf.decode.types"
local errors = require "bpf.errors"

local M = {}

---@class bcc.CType
---@field ctype ffi.ctype*
---@field one ffi.ctype* an array of one, as scripts know c_key and c_leaf
---@field bytes integer
local CType = {}
CType.__index = CType

-- LuaJIT never frees ctypes: one for each declaration.
local known = {}

local function typeof(declaration, parameters)
  if parameters and #parameters > 0 then
    return ffi.typeof(declaration, unpack(parameters))
  end
  known[declaration] = known[declaration] or ffi.typeof(declaration)
  return known[declaration]
end

local function make(ctype)
  local probe = ffi.new(ffi.typeof("$[1]", ctype))
  return setmetatable({
    ctype = ctype, one = ffi.typeof("$[1]", ctype), pointer = ffi.typeof("$ *", ctype),
    bytes = ffi.sizeof(ctype), scalar = tonumber(probe[0]) ~= nil,
  }, CType)
end

function CType:size() return self.bytes end

--- Readers: the value as it lies there.
function CType:borrow()
  local pointer, cast = self.pointer, ffi.cast
  return function(address) return cast(pointer, address)[0] end
end

CType.ref = CType.borrow

--- Readers that copy.
function CType:own()
  if self.scalar then return self:borrow() end
  local ctype, bytes = self.ctype, self.bytes
  return function(address)
    local value = ffi.new(ctype)
    ffi.copy(value, address, bytes)
    return value
  end
end

--- BCC's scripts write a struct as a table in a table, being an array of one.
local function in_array_form(value)
  return #value == 1 and type(value[1]) == "table" and next(value, 1) == nil
end

--- An array of one with that value: whatever FFI makes one of.
function CType:make(value)
  if type(value) == "string" and not self.scalar and #value <= self.bytes then
    local made = self.one()
    ffi.copy(made, value, #value)
    return made
  end
  if type(value) == "table" and not self.scalar and not in_array_form(value) then
    value = { value }
  end
  return self.one(value)
end

--- Writers.
function CType:write()
  local bytes = self.bytes
  return function(address, value, where)
    local ok, made = pcall(self.make, self, value)
    if not ok then
      errors.misuse(("%s: %s"):format(where or "value", tostring(made)))
    end
    ffi.copy(address, made, bytes)
  end
end

local declare

local function fields_of(description, types, packed)
  local parts, stop = {}, 0
  for _, field in ipairs(description.fields) do
    local text, tail = declare(types, field.type, packed)
    local bits = field.bits and (":%d"):format(field.bits) or ""
    local place = math.floor(field.offset / 8)
    if packed and description.kind == "struct" and place > stop then
      parts[#parts + 1] = ("uint8_t __pad_%d[%d];"):format(stop, place - stop)
    end
    parts[#parts + 1] = ("%s %s%s%s;"):format(text, field.name or "", tail, bits)
    stop = place + (types[field.type].size or 0)
  end
  if packed and description.kind == "struct" and description.size > stop then
    parts[#parts + 1] = ("uint8_t __pad_end[%d];"):format(description.size - stop)
  end
  return table.concat(parts, " ")
end

local function record(types, description, packed)
  local attribute = packed and " __attribute__((packed))" or ""
  if #description.fields == 0 then
    return ("struct { uint8_t __room[%d]; }"):format(description.size), ""
  end
  return ("%s%s { %s }"):format(description.kind, attribute,
                                fields_of(description, types, packed)), ""
end

local function bytes_of(_, description)
  return "uint8_t", ("[%d]"):format(description.size)
end

local function integer(description)
  return ("%sint%d_t"):format(description.signed and "" or "u", description.size * 8)
end

local WRITE = {
  int = function(_, description)
    if description.bool then return "bool", "" end
    if description.char and description.size == 1 then return "char", "" end
    if description.size > 8 then return "uint64_t", "[2]" end
    return integer(description), ""
  end,
  float = function(_, description)
    return description.size == 4 and "float" or "double", ""
  end,
  pointer = function() return "uint64_t", "" end,
  enum = function(_, description) return integer(description), "" end,
  array = function(types, description, packed)
    local text, tail = declare(types, description.element, packed)
    return text, ("[%d]%s"):format(description.count, tail)
  end,
  struct = record, union = record, opaque = bytes_of,
}

function declare(types, index, packed)
  local description = types[index]
  return WRITE[description.kind](types, description, packed)
end

--- Whether LuaJIT laid every field of a record where BTF says it is.
local function laid_out_right(ctype, types, index)
  local description = types[index]
  if ffi.sizeof(ctype) ~= description.size then return false end
  for _, field in ipairs(description.fields or {}) do
    if field.name then
      local at, bit = ffi.offsetof(ctype, field.name)
      if not at or at * 8 + (bit or 0) ~= field.offset then return false end
    end
  end
  return true
end

--- The C type of a BTF layout, as host objects give it.
---@param layout {types: table[], root: integer}
---@return bcc.CType
function M.of_layout(layout)
  decode_types.table_of(layout.types)(layout.root) -- reports what cannot be described
  for _, packed in ipairs { false, true } do
    local text, tail = declare(layout.types, layout.root, packed)
    local ctype = typeof(text .. tail)
    if laid_out_right(ctype, layout.types, layout.root) then return make(ctype) end
  end
  local root = layout.types[layout.root]
  return make(typeof(("struct { uint8_t __room[%d]; }"):format(root.size)))
end

--- The C type of a declaration in a script: "struct { int pid; char text[$]; }" with the
--- values for `$`.
---@param declaration string
---@param parameters any[]?
---@return bcc.CType
function M.of_text(declaration, parameters)
  local ok, ctype = pcall(typeof, declaration, parameters)
  if not ok then
    errors.misuse(("'%s' is not a C type: %s"):format(declaration, tostring(ctype)))
  end
  return make(ctype)
end

--- Integers of a size, or bytes.
---@param size integer
---@return bcc.CType
function M.of_size(size)
  local is_int = size == 1 or size == 2 or size == 4 or size == 8
  return make(typeof(is_int and ("uint%d_t"):format(size * 8)
                     or ("struct { uint8_t __room[%d]; }"):format(size)))
end

return M
