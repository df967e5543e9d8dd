--- char arrays (strings up to the NUL) and bytes without a type.

local ffi = require "ffi"
local api = require "bpf.ffi_api"
local integer = require "bpf.decode.integer"
local misuse = require "bpf.decode.misuse"

local M = {}

-- An own name: a script may declare strnlen with other parameter types.
ffi.cdef [[size_t ebl_strnlen(const void *, size_t) __asm__("strnlen");]]

local C, cast, to_string = ffi.C, ffi.cast, ffi.string

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

-- Names of processes and the like come again and again. The last text is compared in the
-- trace, the last 64 by a call; either costs less than to intern a string.
local KNOWN_TEXTS = 64
local words = ffi.typeof "const uint64_t *"

--- Reader of a text of eight or sixteen bytes.
local function remembered(size, read)
  local known, strings = ffi.new("uint8_t[?]", KNOWN_TEXTS * size), {}
  for slot = 1, KNOWN_TEXTS do strings[slot] = false end
  local second = size / 8 - 1
  local last, last_text = ffi.new "uint64_t[2]", ""
  return function(p, ...)
    local at = cast(words, p)
    if at[0] == last[0] and at[second] == last[second] then return last_text end
    local slot = api.ebl_text_slot(known, p, size)
    local text = slot >= 0 and strings[slot + 1]
    if not text then
      if slot < 0 then slot = -1 - slot end
      text = read(p)
      strings[slot + 1] = text
    end
    last[0], last[second], last_text = at[0], at[second], text
    return text
  end
end

--- char[n]: a string up to the first NUL, n bytes if there is none.
---@param type_ bpf.Type
function M.text(type_)
  local size = type_.size
  local function load(p, ...)
    return to_string(p, C.ebl_strnlen(p, size))
  end
  if size == 8 or size == 16 then load = remembered(size, load) end
  return { load = load, store = writer(size, type_.label) }
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
