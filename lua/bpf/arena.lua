-- Views of an arena's memory, which programs and this process share.
local ffi = require "ffi"
local decode = require "bpf.decode"
local errors = require "bpf.errors"

local M = {}

--- A view that writes through.
---@param map bpf.Map of type arena, made
---@param type_name string
---@param place (integer|ffi.cdata*)? an offset, or a pointer that a program has stored
function M.view(map, type_name, place)
  local memory, size = map.entry.memory, map.entry.memory_size
  if not memory then
    errors.misuse(("the memory of arena '%s' is with the object that made it")
                  :format(map.name))
  end
  local id = errors.check(map.owner.handle:type_id(type_name))
  local layout = errors.check(map.owner.handle:layout(id))
  local set = decode.new(layout.types)
  local first = ffi.cast("uint64_t", ffi.cast("uintptr_t", memory))
  local offset = ffi.cast("uint64_t", place or 0)
  if offset >= first then offset = offset - first end
  if offset > size or offset + set:size(layout.root) > size then
    errors.misuse(("arena '%s' ends before that place"):format(map.name),
                  ("it has %d bytes"):format(size))
  end
  return set:ref(layout.root)(ffi.cast("uint8_t *", memory) + offset, map)
end

return M
