--- Bit-fields of any offset and width up to 64 bits, in packed records too.
--
-- A field is read with one load of 1, 2, 4 or 8 bytes that covers it and stays inside
-- the record. Where there is none (a 64-bit field that starts inside a byte, records
-- of 3 or 5 to 7 bytes) bytes are put together one by one.

local ffi = require "ffi"
local bit = require "bit"
local integer = require "bpf.decode.integer"

local M = {}

local cast, band, bor, bnot = ffi.cast, bit.band, bit.bor, bit.bnot
local lshift, rshift, arshift = bit.lshift, bit.rshift, bit.arshift
local i64, u64 = ffi.typeof "int64_t", ffi.typeof "uint64_t"
local bytes = ffi.typeof "uint8_t *"

--- The covering load: its byte offset and size, nil if none fits.
local function find_unit(offset, width, record_size)
  local first, stop = math.floor(offset / 8), math.ceil((offset + width) / 8)
  for _, size in ipairs { 1, 2, 4, 8 } do
    if stop - first <= size and size <= record_size then
      return math.min(first, record_size - size), size
    end
  end
end

--- All ones in the low `width` bits.
local function ones(width)
  return width == 64 and 0xffffffffffffffffULL or lshift(1ULL, width) - 1
end

local function read_small(pointer, start, shift, width, signed)
  if width == 32 and not signed then
    return function(p, ...)
      return cast(pointer, cast(bytes, p) + start)[0]
    end
  elseif signed then
    local up, down = 32 - shift - width, 32 - width
    return function(p, ...)
      return arshift(lshift(cast(pointer, cast(bytes, p) + start)[0], up), down)
    end
  end
  local mask = 2 ^ width - 1
  return function(p, ...)
    return band(rshift(cast(pointer, cast(bytes, p) + start)[0], shift), mask)
  end
end

--- Function from a record's address to the field as uint64_t, zero extended.
local function gather(unit_pointer, start, shift, width)
  local mask = ones(width)
  if unit_pointer then
    return function(p, ...)
      local unit = cast(u64, cast(unit_pointer, cast(bytes, p) + start)[0])
      return band(rshift(unit, shift), mask)
    end
  end
  local last = math.ceil((shift + width) / 8) - 1
  return function(p, ...)
    local from = cast(bytes, p) + start
    local value = rshift(cast(u64, from[0]), shift)
    for i = 1, last do
      value = bor(value, lshift(cast(u64, from[i]), i * 8 - shift))
    end
    return band(value, mask)
  end
end

--- Function (address, value bits) that replaces the field and nothing else.
local function scatter(unit_pointer, start, shift, width)
  local mask = ones(width)
  if unit_pointer then
    local keep = bnot(lshift(mask, shift))
    return function(p, value, ...)
      local unit = cast(unit_pointer, cast(bytes, p) + start)
      local rest = band(cast(u64, unit[0]), keep)
      unit[0] = bor(rest, lshift(band(value, mask), shift))
    end
  end
  return function(p, value, ...)
    local to = cast(bytes, p) + start
    for i = 0, width - 1 do
      local at, one = rshift(shift + i, 3), lshift(1, band(shift + i, 7))
      local set = band(rshift(value, i), 1ULL) ~= 0
      to[at] = set and bor(to[at], one) or band(to[at], bnot(one))
    end
  end
end

--- Codec of one bit-field. Unlike other codecs it takes the record's address.
---@param type_ bpf.Type int or enum
---@param offset integer bits from the start of the record
---@param width integer bits
---@param record_size integer bytes
function M.codec(type_, offset, width, record_size)
  local signed, label = type_.signed, ("%s:%d"):format(type_.label, width)
  local start, size = find_unit(offset, width, record_size)
  local pointer = start and ffi.typeof(("uint%d_t *"):format(size * 8))
  start = start or math.floor(offset / 8)
  local shift = offset - start * 8
  local get = gather(pointer, start, shift, width)
  local put = scatter(pointer, start, shift, width)

  local function exact(p, ...)
    if signed then
      return cast(i64, arshift(lshift(get(p), 64 - width), 64 - width))
    end
    return get(p)
  end

  local load
  if size and size <= 4 then
    load = read_small(pointer, start, shift, width, signed)
  else
    local narrow = signed and integer.narrow_signed or integer.narrow_unsigned
    load = function(p, ...)
      return narrow(exact(p))
    end
  end

  local codec = { load = load, exact = exact }
  function codec.store(p, v, where, ...)
    put(p, integer.convert(v, width, signed, label, where))
  end
  if type_.bool then
    function codec.load(p, ...)
      return load(p) ~= 0
    end
  elseif type_.kind == "enum" then
    return integer.with_names(codec, type_)
  end
  return codec
end

return M
