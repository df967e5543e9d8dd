--- Integers of 1 to 16 bytes, enums and pointers: reading, range checks, writing.
--
-- 64-bit values are Lua numbers while |v| <= 2^53 and cdata above, never rounded.
-- The readers hold no table and no allocation that a trace cannot sink.

local ffi = require "ffi"
local misuse = require "bpf.decode.misuse"
local nearest = require "bpf.nearest"

local M = {}

local cast, istype = ffi.cast, ffi.istype
local i64, u64 = ffi.typeof "int64_t", ffi.typeof "uint64_t"
local SAFE = 2 ^ 53
local SAFE_U64, SAFE_I64 = 0x20000000000000ULL, 0x20000000000000LL

--- A 64-bit cdata as a number where that is exact.
---@param v ffi.cdata* int64_t or uint64_t
---@return number|ffi.cdata*
function M.narrow_signed(v, ...)
  if v <= SAFE_I64 and v >= -SAFE_I64 then
    return tonumber(v)
  end
  return v
end

function M.narrow_unsigned(v, ...)
  if v <= SAFE_U64 then
    return tonumber(cast(i64, v)) -- from signed is one instruction
  end
  return v
end

local function parse(text)
  local sign, digits = text:match "^%s*([-+]?)(%w+)%s*$"
  local base = 10
  if digits and digits:match "^0[xX]%x+$" then
    digits, base = digits:sub(3), 16
  elseif not (digits and digits:match "^%d+$") then
    return nil, "is not an integer"
  end
  local magnitude, limit = 0ULL, 0xffffffffffffffffULL
  for i = 1, #digits do
    local digit = tonumber(digits:sub(i, i), 16)
    if magnitude > (limit - digit) / base then
      return nil, "does not fit in 64 bits"
    end
    magnitude = magnitude * base + digit
  end
  return sign == "-" and magnitude > 0, magnitude
end

--- Sign and magnitude of whatever may stand for an integer; nil and why not.
local function split(v)
  local kind = type(v)
  if kind == "number" then
    if v % 1 ~= 0 then -- NaN and infinities end here too
      return nil, "is not an integer"
    elseif v >= 2 ^ 64 or v <= -2 ^ 64 then
      return nil, "does not fit in 64 bits"
    end
    return v < 0, cast(u64, v < 0 and -v or v)
  elseif kind == "boolean" then
    return false, v and 1ULL or 0ULL
  elseif kind == "string" then
    return parse(v)
  elseif kind == "cdata" then
    if istype(i64, v) then
      return v < 0, v < 0 and cast(u64, -v) or cast(u64, v)
    elseif istype(u64, v) then
      return false, v
    end
    local ok, number = pcall(tonumber, v)
    if ok and number then
      return split(number)
    end
    ok, number = pcall(cast, "uintptr_t", v)
    if ok and tostring(ffi.typeof(v)):find("*", 1, true) then
      return false, cast(u64, number)
    end
  end
  return nil, "is not an integer"
end

local function shown(v)
  if type(v) == "string" then
    return ("%q"):format(v)
  elseif type(v) == "cdata" and (istype(i64, v) or istype(u64, v)) then
    return (tostring(v):gsub("U?LL$", ""))
  elseif type(v) == "number" and v % 1 == 0 and v < 2 ^ 64 and v > -2 ^ 64 then
    return ("%.0f"):format(v)
  end
  return type(v) == "number" and tostring(v) or "a " .. type(v)
end

--- What every writer puts before its complaint: the field, where there is one.
function M.prefix(where)
  return where and where .. ": " or ""
end

--- Any accepted form of an integer -> uint64_t in two's complement.
---@param v number|string|boolean|ffi.cdata*
---@param width integer bits, 1 to 64
---@param signed boolean
---@param label string the type, for the message
---@param where string? the field, for the message
---@return ffi.cdata* bits
function M.convert(v, width, signed, label, where)
  local negative, magnitude = split(v)
  if negative == nil then
    misuse(("%s%s %s, as %s needs"):format(M.prefix(where), shown(v), magnitude, label))
  end
  local top = bit.lshift(1ULL, width - 1)
  local most = signed and top - 1 or top - 1 + top
  local fits
  if negative then
    fits = signed and magnitude <= top
  else
    fits = magnitude <= most
  end
  if not fits then
    local low = signed and "-" .. shown(top) or "0"
    misuse(("%s%s is out of range for %s (%s to %s)"):format(
      M.prefix(where), shown(v), label, low, shown(most)))
  end
  return negative and -magnitude or magnitude
end

local function ctype(size, signed)
  return ffi.typeof((signed and "int%d_t *" or "uint%d_t *"):format(size * 8))
end

local function small(size, signed, label)
  local pointer, width = ctype(size, signed), size * 8
  local low = signed and -2 ^ (width - 1) or 0
  local high = signed and 2 ^ (width - 1) - 1 or 2 ^ width - 1
  local exact = signed and i64 or u64
  local convert = M.convert
  return {
    load = function(p, ...)
      return cast(pointer, p)[0]
    end,
    exact = function(p, ...)
      return cast(exact, cast(pointer, p)[0])
    end,
    store = function(p, v, where, ...)
      if type(v) ~= "number" or not (v >= low and v <= high) or v % 1 ~= 0 then
        v = cast(i64, convert(v, width, signed, label, where))
      end
      cast(pointer, p)[0] = v
    end,
  }
end

local function large(signed, label)
  local pointer = ctype(8, signed)
  local low = signed and -SAFE or 0
  local narrow = signed and M.narrow_signed or M.narrow_unsigned
  local convert = M.convert
  return {
    load = function(p, ...)
      return narrow(cast(pointer, p)[0])
    end,
    exact = function(p, ...)
      return cast(pointer, p)[0]
    end,
    store = function(p, v, where, ...)
      if type(v) ~= "number" or not (v >= low and v <= SAFE) or v % 1 ~= 0 then
        v = convert(v, 64, signed, label, where)
      end
      cast(pointer, p)[0] = v
    end,
  }
end

--- __int128: a table {hi=, lo=}, since no Lua value holds it.
local function huge(signed, label)
  local low, high = large(false, label), large(signed, label)
  return {
    load = function(p, ...)
      p = cast("uint8_t *", p)
      return { lo = low.load(p), hi = high.load(p + 8) }
    end,
    store = function(p, v, where, ...)
      p = cast("uint8_t *", p)
      if type(v) == "table" then
        low.store(p, v.lo or 0, where)
        high.store(p + 8, v.hi or 0, where)
        return
      end
      local negative = split(v)
      local bits = M.convert(v, 64, negative or false, label, where)
      if negative and not signed then
        M.convert(v, 64, false, label, where) -- raises: out of range
      end
      cast("uint64_t *", p)[0] = bits
      cast("int64_t *", p)[1] = negative and -1 or 0
    end,
  }
end

local function boolean(integer, label)
  local load, store, convert = integer.load, integer.store, M.convert
  return {
    load = function(p, ...)
      return load(p) ~= 0
    end,
    exact = integer.exact,
    store = function(p, v, where, ...)
      if type(v) ~= "boolean" then
        v = convert(v, 1, false, label, where) ~= 0
      end
      store(p, v and 1 or 0)
    end,
  }
end

--- Decimal text of an enumerator's value: one key for numbers, strings and cdata.
local function enum_key(v)
  return type(v) == "number" and ("%d"):format(v) or (tostring(v):gsub("U?LL$", ""))
end

--- Adds enumerator names to an integer codec, whole or bit-field.
---@param integer table load, store, exact
---@param type_ bpf.Type an enum
function M.with_names(integer, type_)
  local names, values = {}, {}
  for _, v in ipairs(type_.values) do
    local key = enum_key(v.value)
    names[key] = names[key] or v.name
    values[v.name] = v.value
  end
  local store = integer.store
  return {
    load = integer.load,
    exact = integer.exact,
    enumerator = function(v)
      return names[enum_key(v)]
    end,
    store = function(p, v, where, ...)
      if type(v) == "string" then
        local value = values[v]
        if not value and not v:find "^%s*[-+]?%d" then
          misuse(("%s%s has no '%s'; %s"):format(M.prefix(where), type_.label, v,
                 nearest.hint(v, nearest.keys(values), "names")))
        end
        v = value or v
      end
      store(p, v, where)
    end,
  }
end

--- Codec of an int, enum or pointer type; nil for a size that no integer has.
---@param type_ bpf.Type
function M.codec(type_)
  local size, signed, label = type_.size, type_.signed, type_.label
  local codec
  if size == 1 or size == 2 or size == 4 then
    codec = small(size, signed, label)
  elseif size == 8 then
    codec = large(signed, label)
  elseif size == 16 then
    codec = huge(signed, label)
  else
    return nil
  end
  if type_.bool and codec.exact then
    return boolean(codec, label)
  elseif type_.kind == "enum" then
    return M.with_names(codec, type_)
  end
  return codec
end

return M
