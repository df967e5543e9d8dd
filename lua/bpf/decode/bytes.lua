--- char arrays (strings up to the NUL) and bytes without a type.

local ffi = require "ffi"
local integer = require "bpf.decode.integer"
local misuse = require "bpf.decode.misuse"

local M = {}

-- An own name: a script may declare strnlen with other parameter types.
ffi.cdef [[size_t ebl_strnlen(const void *, size_t) __asm__("strnlen");]]

local C, to_string = ffi.C, ffi.string

local function writer(size, label)
  return function(p, v, where, ...)
    if type(v) ~= "string" then
      misuse(("%sexpected a string for %s, got a %s"):format(
        integer.prefix(where), label, type(v)))
    elseif #v > size then
      misuse(("%sa string of %d bytes does not fit in %s"):format(
        integer.prefix(where), #v, label))
    end
    ffi.fill(p, size)
    ffi.copy(p, v, #v)
  end
end

--- char[n]: a string up to the first NUL, n bytes if there is none.
---@param type_ bpf.Type
function M.text(type_)
  local size = type_.size
  return {
    load = function(p, ...)
      return to_string(p, C.ebl_strnlen(p, size))
    end,
    store = writer(size, type_.label),
  }
end

--- Raw bytes as a string of the full size.
---@param type_ bpf.Type
function M.raw(type_)
  local size = type_.size
  return {
    load = function(p, ...)
      return to_string(p, size)
    end,
    store = writer(size, type_.label),
  }
end

return M
