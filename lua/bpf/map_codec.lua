-- How the bytes of a map's keys and values become Lua values.
local C = require "bpf.ffi_api"
local decode = require "bpf.decode"
local errors = require "bpf.errors"
local map_kinds = require "bpf.map_kinds"
local percpu = require "bpf.percpu"

local M = {}

---@class bpf.Codec
---@field size integer bytes of one read-out
---@field own fun(address: ffi.cdata*): any
---@field write fun(address: ffi.cdata*, value: any, where: string?)

local PER_CPU = { percpu_hash = true, percpu_array = true, lru_percpu_hash = true,
                  percpu_cgroup_storage = true }

--- The types of a BTF id, or plain integers or bytes where the map has none.
local function types_of(handle, type_id, size)
  if type_id ~= 0 then
    local layout = errors.check(handle:layout(type_id))
    return decode.new(layout.types), layout.root
  end
  local is_int = size == 1 or size == 2 or size == 4 or size == 8
  return decode.new({ { kind = is_int and "int" or "opaque", size = size } }), 1
end

--- A stack: addresses, innermost first, then zeros.
local function stack_of(size)
  return decode.new({ { kind = "int", size = 8 },
                      { kind = "array", element = 1, count = size / 8, size = size } }), 2
end

local function codec(handle, type_id, size)
  local set, root = types_of(handle, type_id, size)
  return { size = size, own = set:own(root), write = set:write(root) }
end

---@param handle userdata the host's object
---@param entry table as handle:maps() gives it
---@return bpf.Codec? keys nil for queues and stacks
---@return bpf.Codec values
function M.of(handle, entry)
  local kind, keys = entry.type, nil
  if entry.key_size > 0 then
    keys = map_kinds.wrap(map_kinds.keys, kind,
                          codec(handle, entry.key_type, entry.key_size))
  end
  if PER_CPU[kind] then
    local set, root = types_of(handle, entry.value_type, entry.value_size)
    return keys, percpu.codec(set, root, C.ebl_possible_cpus())
  end
  if kind == "stack_trace" and entry.value_type == 0 and entry.value_size % 8 == 0 then
    local set, root = stack_of(entry.value_size)
    return keys, { size = entry.value_size, own = set:own(root), write = set:write(root) }
  end
  return keys, map_kinds.wrap(map_kinds.values, kind,
                              codec(handle, entry.value_type, entry.value_size))
end

return M
