-- Map:update_all, Map:delete_all and Map:lookup_and_delete_all: many elements in one
-- system call.
local ffi = require "ffi"
local C = require "bpf.ffi_api"
local errors = require "bpf.errors"

local M = {}

-- Which element of a list a complaint is about: the text is made only for a complaint.
local Place = {}
Place.__index = Place
function Place:__tostring()
  return ("%s %d of map '%s'"):format(self.what, self.place, self.map)
end
function Place.__concat(a, b) return tostring(a) .. tostring(b) end

local function fill(self, list, codec, what)
  local size, write = codec.size, codec.write
  local bytes = ffi.new("uint8_t[?]", math.max(#list * size, 1))
  local where = setmetatable({ what = what, place = 0, map = self.name }, Place)
  for place = 1, #list do
    where.place = place
    write(bytes + (place - 1) * size, list[place], where)
  end
  return bytes
end

--- Gives the class its methods.
---@param Map table
---@param tools {ready: function, type_error: function, failed: function, flags: table,
---keeps_entries: function} of map.lua
function M.add_to(Map, tools)
  local ready, type_error, failed = tools.ready, tools.type_error, tools.failed
  local flags_of, keeps_entries = tools.flags, tools.keeps_entries

  --- Sets many values in one system call, where the kernel can. Returns how many, or nil,
  --- the error and how many were set before it.
  ---@param keys any[]
  ---@param values any[]
  ---@param mode "any"|"noexist"|"exist"|nil
  ---@return integer? done
  ---@return bpf.Error? err
  ---@return integer? before
  function Map:update_all(keys, values, mode)
    if not ready(self).keys then type_error(self, "keys") end
    if type(keys) ~= "table" or type(values) ~= "table" or #keys ~= #values then
      errors.misuse("map:update_all takes a list of keys and one of as many values")
    end
    local flags = flags_of[mode or "any"]
    if not flags then
      errors.misuse('map:update_all takes "any", "noexist" or "exist"')
    end
    if #keys == 0 then return 0 end
    local done = ffi.new("uint32_t[1]")
    local result = C.ebl_map_update_batch(
      self.map_fd, fill(self, keys, self.keys, "key"),
      fill(self, values, self.values, "value"), self.keys.size, self.values.size, #keys,
      flags, done)
    if result == 0 then return done[0] end
    return nil, failed(self, "update", -result), done[0]
  end

  --- Removes many keys; those that are not there are passed over. Returns how many it
  --- removed, or nil and the error.
  ---@param keys any[]
  ---@return integer? removed
  ---@return bpf.Error? err
  function Map:delete_all(keys)
    if not ready(self).keys then type_error(self, "keys") end
    if type(keys) ~= "table" then errors.misuse("map:delete_all takes a list of keys") end
    if #keys == 0 then return 0 end
    local done = ffi.new("uint32_t[1]")
    local result = C.ebl_map_delete_batch(self.map_fd, fill(self, keys, self.keys, "key"),
                                          self.keys.size, #keys, done)
    if result == 0 then return done[0] end
    return nil, failed(self, "delete", -result)
  end

  --- Takes every entry out. What is updated between its look-up and its deletion is lost
  --- only where the kernel has no batches of the kind and cannot take one in one step.
  ---@return any[] keys
  ---@return any[] values as many
  function Map:lookup_and_delete_all()
    local keys, values = ready(self).keys, self.values
    if not keys then type_error(self, "keys") end
    if keeps_entries(self) then type_error(self, "entries that can be deleted") end
    local cursor = C.ebl_cursor_open(self.map_fd, keys.size, values.size,
                                     self.entry.max_entries, 1)
    cursor = ffi.gc(cursor, C.ebl_cursor_close)
    local taken_keys, taken_values = {}, {}
    while true do
      local count = C.ebl_cursor_next(cursor)
      if count < 0 then error(failed(self, "look-up and delete", -count), 0) end
      if count == 0 then return taken_keys, taken_values end
      local key_at, value_at = C.ebl_cursor_keys(cursor), C.ebl_cursor_values(cursor)
      for place = 0, count - 1 do
        taken_keys[#taken_keys + 1] = keys.own(key_at + place * keys.size)
        taken_values[#taken_values + 1] = values.own(value_at + place * values.size)
      end
    end
  end
end

return M
