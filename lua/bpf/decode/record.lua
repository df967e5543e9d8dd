--- Structs and unions.
--
-- The read-only ctype is a packed struct in which integers of at most 32 bits, bools
-- and floats are C fields under their own names: LuaJIT reads those without our help,
-- in the interpreter too. Everything else, and whatever overlaps in a union, goes
-- through __index to a getter, which a trace inlines. The writable ctype has no C
-- field at all, so that every write is range-checked by a setter. Names go in as `$`
-- parameters, which may be C keywords.

local ffi = require "ffi"
local bits = require "bpf.decode.bits"
local misuse = require "bpf.decode.misuse"
local nearest = require "bpf.nearest"
local view = require "bpf.decode.view"

local cast, copy, fill, new = ffi.cast, ffi.copy, ffi.fill, ffi.new
local bytes = ffi.typeof "uint8_t *"
local PAD = "\1"

--- C spelling of a type that LuaJIT reads as we do, else nil.
local function native(field)
  local t = field.type
  if field.bits or field.offset % 8 ~= 0 then
    return nil
  elseif t.kind == "float" then
    return t.label
  elseif t.bool then
    return t.size == 1 and "bool" or nil
  elseif (t.kind == "int" or t.kind == "enum") and t.size <= 4 and t.size ~= 3 then
    return ("%sint%d_t"):format(t.signed and "" or "u", t.size * 8)
  end
end

--- The read-only declaration, its `$` names, and the set of fields it holds.
local function declaration(type_)
  local by_offset = {}
  for i, field in ipairs(type_.fields) do
    by_offset[i] = field
  end
  table.sort(by_offset, function(a, b)
    return a.offset < b.offset
  end)
  local lines, names, held, stop = {}, {}, {}, 0
  local function pad(up_to)
    if up_to > stop then
      lines[#lines + 1] = ("const uint8_t $[%d];"):format(up_to - stop)
      names[#names + 1] = PAD
    end
  end
  for _, field in ipairs(by_offset) do
    local c, at = native(field), field.offset / 8
    if c and at >= stop then
      pad(at)
      lines[#lines + 1] = ("const %s $;"):format(c)
      names[#names + 1] = field.name
      held[field.name] = true
      stop = at + field.type.size
    end
  end
  pad(type_.size)
  local text = ("struct __attribute__((packed)) { %s }"):format(table.concat(lines))
  return text, names, held
end

--- Where each field is and how it is read and written.
local function find_slots(type_, codec_of)
  local slots = {}
  for _, f in ipairs(type_.fields) do
    local integral = f.type.kind == "int" or f.type.kind == "enum"
    if f.bits and integral and f.bits <= 64 then
      slots[f.name] = {
        type = f.type, offset = 0, bits = f.bits,
        codec = bits.codec(f.type, f.offset, f.bits, type_.size),
      }
    elseif not f.bits and f.offset % 8 == 0 then
      slots[f.name] = { type = f.type, offset = f.offset / 8, codec = codec_of(f.type) }
    else
      error(("field '%s' of %s: a bit-field that no rule covers"):format(
        f.name, type_.label), 0)
    end
    slots[f.name].where = ("%s.%s"):format(type_.name or type_.kind, f.name)
  end
  return slots
end

-- A getter is compiled from text, so that each is a function of its own to LuaJIT: of a
-- closure that exists many times, every access would look up and compare all upvalues.
local GETTER_NAME = debug.getinfo(1, "S").source .. " getter"
local GETTER = [[
local load, cast, bytes = ...
return function(self, ...)
  return load(cast(bytes, self) + %d)
end]]

--- Getters by field name, each made when first asked for.
---@param without table<string, boolean>? fields that need none
local function readers(slots, without)
  return setmetatable({}, { __index = function(getters, name)
    local slot = slots[name]
    if not slot or without and without[name] then return nil end
    local make = assert(loadstring(GETTER:format(slot.offset), GETTER_NAME))
    local getter = make(slot.codec.load, cast, bytes)
    getters[name] = getter
    return getter
  end })
end

--- Getters of a writable view: what they return keeps the view alive.
local function keepers(slots)
  local getters, keep = readers(slots), view.keep
  for name, slot in pairs(slots) do
    local ref, offset = slot.codec.ref, slot.offset
    if ref then
      getters[name] = function(self, ...)
        return keep(ref(cast(bytes, self) + offset), self)
      end
    end
  end
  return getters
end

local function no_field(type_, key)
  local names = {}
  for i, field in ipairs(type_.fields) do
    names[i] = field.name
  end
  local near = nearest.find(tostring(key), names)
  misuse(("no field '%s' in %s%s"):format(tostring(key), type_.label,
    near and ("; did you mean '%s'?"):format(near) or ""))
end

local function indexer(type_, getters)
  local methods = view.methods
  return function(self, key, ...)
    local getter = getters[key]
    if getter then
      return (getter(self))
    end
    return methods[key] or no_field(type_, key)
  end
end

local function writer(type_, slots)
  local fields, size = type_.fields, type_.size
  return function(p, value, where, ...)
    if type(value) ~= "table" then
      if view.type_of(value) ~= type_ then
        misuse(("%sexpected a table or a view of %s, got %s"):format(
          where and where .. ": " or "", type_.label,
          view.type_of(value) and "one of " .. view.type_of(value).label or type(value)))
      end
      copy(p, cast(bytes, value), size)
      return
    end
    for key in pairs(value) do
      if not slots[key] then
        no_field(type_, key)
      end
    end
    p = cast(bytes, p)
    fill(p, size)
    for i = 1, #fields do
      local name = fields[i].name
      local v = value[name]
      if v ~= nil then
        local slot = slots[name]
        slot.codec.store(p + slot.offset, v, slot.where)
      end
    end
  end
end

--- Codec of a struct or union type.
---@param type_ bpf.Type
---@param codec_of fun(type: bpf.Type): table
return function(type_, codec_of)
  local slots = find_slots(type_, codec_of)
  local size = type_.size
  local borrowed, names, held = declaration(type_)
  local getters = readers(slots, held)
  local borrow_pointer = view.declare(type_, borrowed, names, {
    __index = indexer(type_, getters),
    __newindex = function(_, key)
      misuse(("%s.%s is read-only here; copy() gives one that can be changed"):format(
        type_.name or type_.kind, tostring(key)))
    end,
    __tostring = view.tostring,
  })

  local own_pointer, own_value -- made when first needed: most records are only read
  local function writable()
    local text = ("struct { uint8_t $[%d]; }"):format(size)
    own_pointer, own_value = view.declare(type_, text, { PAD }, {
      __index = indexer(type_, keepers(slots)),
      __newindex = function(self, key, v, ...)
        local slot = slots[key] or no_field(type_, key)
        slot.codec.store(cast(bytes, self) + slot.offset, v, slot.where)
      end,
      __tostring = view.tostring,
    })
  end

  return {
    load = function(p, ...)
      return cast(borrow_pointer, p)[0]
    end,
    ref = function(p, ...)
      if not own_pointer then
        writable()
      end
      return cast(own_pointer, p)[0]
    end,
    own = function(p, ...)
      if not own_value then
        writable()
      end
      local value = new(own_value)
      copy(value, p, size)
      return value
    end,
    store = writer(type_, slots),
    slot = function(key)
      return slots[key] or no_field(type_, key)
    end,
  }
end
