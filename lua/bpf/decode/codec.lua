--- The codec of a Type: the functions that read and write it.
--
-- Every codec has load(p) (borrowed) and store(p, value, where). Aggregates add ref(p)
-- (writable, in place), own(p) (writable copy) and slot(key); integers add exact(p),
-- enums enumerator(value). `where` names the field in messages.
--
-- All of these, and the metamethods that call them, take `...` and ignore it. LuaJIT
-- starts no trace at a vararg function. At a plain one it would, when a handler that
-- cannot compile calls it often enough, and abort at the metamethod's frame until it
-- blacklists the function: from then on no loop that reads a field would compile, in the
-- whole process (measured: 412 ns an event instead of 1.5). In a trace `...` is free.
-- Only metamethods of cdata need this, those of tables do not.

local ffi = require "ffi"
local array = require "bpf.decode.array"
local bytes = require "bpf.decode.bytes"
local integer = require "bpf.decode.integer"
local misuse = require "bpf.decode.misuse"
local record = require "bpf.decode.record"

local M = {}

local cast = ffi.cast

local function floating(type_)
  local pointer = type_.size == 4 and ffi.typeof "float *" or ffi.typeof "double *"
  return {
    load = function(p, ...)
      return cast(pointer, p)[0]
    end,
    store = function(p, v, where, ...)
      local number = tonumber(v)
      if not number then
        misuse(("%sexpected a number for %s, got a %s"):format(
          integer.prefix(where), type_.label, type(v)))
      end
      cast(pointer, p)[0] = number
    end,
  }
end

local function integral(type_)
  return integer.codec(type_) or bytes.raw(type_)
end

local build = {
  int = integral,
  enum = integral,
  pointer = integral,
  opaque = bytes.raw,
  struct = record,
  union = record,
  float = function(type_)
    local known = type_.size == 4 or type_.size == 8
    return known and floating(type_) or bytes.raw(type_)
  end,
  array = function(type_, codec_of)
    return (type_.element.char and bytes.text or array)(type_, codec_of)
  end,
}

---@param type_ bpf.Type
function M.of(type_)
  local codec = type_.codec
  if not codec then
    codec = build[type_.kind](type_, M.of)
    type_.codec = codec
  end
  return codec
end

return M
