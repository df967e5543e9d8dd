--- Views: what structs, unions and arrays look like in Lua, whatever their type.
--
-- A view is a reference cdata to memory. Those of a read-only ctype are borrowed;
-- those of a writable one refer to an owned copy or to memory of the caller. LuaJIT
-- does not anchor what a reference points into, so `keep` ties the two together.

local ffi = require "ffi"
local misuse = require "bpf.decode.misuse"

local M = {}

local cast, typeof = ffi.cast, ffi.typeof
local bytes = typeof "uint8_t *"

---@type table<integer, bpf.Type> by ctype number
local types = {}

local keepers = setmetatable({}, { __mode = "k" })

--- Keeps `owner` alive while `view` is.
function M.keep(view, owner, ...)
  keepers[view] = owner
  return view
end

--- Makes a ctype of `size` bytes whose values, and references to them, are views.
---@param declaration string C declaration; `$` stands for each of the names
---@param names string[]
---@return ffi.ctype* pointer for cast(pointer, address)[0]
---@return ffi.ctype* value for ffi.new
function M.declare(type_, declaration, names, metatable)
  local value = typeof(declaration, unpack(names))
  local pointer = typeof("$ *", value)
  ffi.metatype(value, metatable)
  types[tonumber(value)] = type_
  types[tonumber(typeof(cast(pointer, nil)[0]))] = type_
  return pointer, value
end

--- The type of a view, nil for any other value.
---@return bpf.Type?
function M.type_of(value)
  if type(value) == "cdata" then
    return types[tonumber(typeof(value))]
  end
end

local function expect_view(value, verb)
  local t = M.type_of(value)
  if not t then
    misuse(("%s takes a struct, union or array view, not a %s"):format(verb, type(value)))
  end
  return t
end

-- The parentheses around results keep `view` on the stack, and its memory alive, while
-- an address into it is in use: a tail call would drop it.

--- An owned, writable copy.
function M.copy(view)
  return (expect_view(view, "copy").codec.own(cast(bytes, view)))
end

--- Name or index, and value, of each field in C order or of each element.
---@return fun(): string|integer?, any
function M.fields(view)
  local t = expect_view(view, "fields")
  local i, fields, count = 0, t.fields, t.count
  return function()
    i = i + 1
    if not fields then
      if i <= count then
        return i, view[i]
      end
    elseif fields[i] then
      return fields[i].name, view[fields[i].name]
    end
  end
end

--- Nested plain tables, numbers, strings and booleans.
function M.totable(view)
  local t = {}
  for key, value in M.fields(view) do
    t[key] = M.type_of(value) and M.totable(value) or value
  end
  return t
end

--- Codec, type and address of one field or element; an unknown one raises.
local function find(view, key, verb)
  local t = expect_view(view, verb)
  local slot = t.codec.slot(key)
  return slot.codec, slot.type, cast(bytes, view) + slot.offset, slot.bits
end

--- An integer as int64_t or uint64_t cdata, whatever its size.
function M.exact(view, key)
  local codec, t, address = find(view, key, "exact")
  if not codec.exact then
    misuse(("exact: '%s' is %s, not an integer of at most 64 bits"):format(key, t.label))
  end
  return (codec.exact(address))
end

--- All bytes of a field or element, or of the whole view without a key.
function M.raw(view, key)
  if key == nil then
    return (ffi.string(cast(bytes, view), expect_view(view, "raw").size))
  end
  local _, t, address, bits = find(view, key, "raw")
  if bits then
    misuse(("raw: '%s' is a bit-field"):format(key))
  end
  return (ffi.string(address, t.size))
end

--- The enumerator of an enum field, nil if its value has none.
---@return string?
function M.name(view, key)
  local codec, t, address = find(view, key, "name")
  if not codec.enumerator then
    misuse(("name: '%s' is %s, not an enum"):format(key, t.label))
  end
  return (codec.enumerator(codec.load(address)))
end

--- Reached as view:copy() and so on where no field has that name.
M.methods = {
  copy = M.copy, table = M.totable, exact = M.exact, raw = M.raw, name = M.name,
}

local to_text = function(view)
  return "view of " .. M.type_of(view).label
end

--- Says how tostring() shows a view; emit.text does.
---@param fn fun(view: ffi.cdata*): string
function M.on_tostring(fn)
  to_text = fn
end

function M.tostring(view)
  return to_text(view)
end

return M
