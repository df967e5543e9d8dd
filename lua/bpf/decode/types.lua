--- Type descriptions, interned for the whole process.
--
-- The host hands over one array of plain tables for each loaded object. Equal
-- descriptions become one Type, found by its text, because everything costly hangs
-- on a Type: LuaJIT never frees ctypes and holds 65,536 of them, so a script that is
-- loaded again must find the ctypes of its first load.

local M = {}

---@class bpf.Field
---@field name string anonymous members are gone: their fields are promoted, as in C
---@field type bpf.Type
---@field offset integer bits from the start of the record
---@field bits integer? width, of a bit-field only

---@class bpf.Type
---@field id integer equal for equal descriptions
---@field kind "int"|"float"|"enum"|"pointer"|"array"|"struct"|"union"|"opaque"
---@field label string for messages: u32, char[16], struct event
---@field size integer bytes
---@field name string? C name; nil for an anonymous record
---@field signed boolean?
---@field bool boolean?
---@field char boolean?
---@field element bpf.Type? of an array
---@field count integer? of an array
---@field fields bpf.Field[]? of a record, in C order
---@field values { name: string, value: number|string }[]? of an enum
---@field codec table? readers and writers, see codec.lua

local by_text = {}
local count = 0

local function intern(text, fresh)
  local found = by_text[text]
  if not found then
    count = count + 1
    fresh.id = count
    by_text[text] = fresh
    found = fresh
  end
  return found
end

local function integer_label(size, signed)
  return (signed and "s" or "u") .. size * 8
end

local describe = {}

function describe.int(t)
  local label = t.bool and "bool" or t.char and "char" or integer_label(t.size, t.signed)
  return {
    kind = "int", label = label, size = t.size, name = t.name,
    signed = t.signed or false, bool = t.bool or false, char = t.char or false,
  }
end

function describe.float(t)
  return { kind = "float", label = t.size == 4 and "float" or "double", size = t.size }
end

function describe.pointer(t)
  return { kind = "pointer", label = "pointer", size = t.size or 8, signed = false }
end

function describe.opaque(t)
  return { kind = "opaque", label = t.size .. " bytes", size = t.size }
end

function describe.enum(t)
  return {
    kind = "enum", label = "enum " .. (t.name or "(anonymous)"), size = t.size,
    signed = t.signed or false, name = t.name, values = t.values or {},
  }, function(parts)
    for _, v in ipairs(t.values or {}) do
      local value = type(v.value) == "number" and ("%d"):format(v.value) or v.value
      parts[#parts + 1] = v.name .. "=" .. value
    end
  end
end

function describe.array(t, get)
  local element = get(t.element)
  return {
    kind = "array", label = element.label .. "[" .. t.count .. "]", element = element,
    count = t.count, size = t.size or element.size * t.count,
  }, function(parts)
    parts[#parts + 1] = element.id
    parts[#parts + 1] = t.count
  end
end

--- Adds a record's fields to `fields`, those of anonymous members in their place.
local function flatten(t, get, types, base, fields, seen)
  for _, f in ipairs(t.fields) do
    local inner = types[f.type]
    if not f.name then
      if inner and inner.fields then
        get(f.type) -- reports a record that contains itself
        flatten(inner, get, types, base + f.offset, fields, seen)
      end
    elseif not seen[f.name] then
      seen[f.name] = true
      fields[#fields + 1] = {
        name = f.name, type = get(f.type), offset = base + f.offset, bits = f.bits,
      }
    end
  end
end

local function describe_record(t, get, types)
  local fields = {}
  flatten(t, get, types, 0, fields, {})
  for _, f in ipairs(fields) do
    local stop = f.offset + (f.bits or f.type.size * 8)
    if stop > t.size * 8 then
      error(("field '%s' ends at bit %d, behind its %s of %d bytes"):format(
        f.name, stop, t.kind, t.size), 0)
    end
  end
  return {
    kind = t.kind, label = t.kind .. " " .. (t.name or "(anonymous)"), size = t.size,
    name = t.name, fields = fields,
  }, function(parts)
    for _, f in ipairs(fields) do
      parts[#parts + 1] = f.name
      parts[#parts + 1] = ("%d:%d:%d"):format(f.type.id, f.offset, f.bits or 0)
    end
  end
end

describe.struct, describe.union = describe_record, describe_record

--- One lookup function for one array of descriptions.
---@param types table[] see init.lua
---@return fun(index: integer): bpf.Type
function M.table_of(types)
  local known, busy = {}, {}

  local function get(index)
    local found = known[index]
    if found then
      return found
    end
    local t = types[index]
    local fill = t and describe[t.kind]
    if not fill then
      error(("type %s: %s"):format(tostring(index),
        t and "unknown kind '" .. tostring(t.kind) .. "'" or "not in the table"), 0)
    end
    if busy[index] then
      error(("type %d contains itself"):format(index), 0)
    end
    busy[index] = true
    local fresh, more = fill(t, get, types)
    busy[index] = nil
    local parts = {
      fresh.kind, fresh.size, fresh.name or "", tostring(fresh.name ~= nil),
      tostring(fresh.signed), tostring(fresh.bool), tostring(fresh.char),
    }
    if more then
      more(parts)
    end
    found = intern(table.concat(parts, "\0"), fresh)
    known[index] = found
    return found
  end

  return get
end

return M
