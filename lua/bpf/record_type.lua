-- The types of records, as an object's own type information has them.
local decode = require "bpf.decode"
local errors = require "bpf.errors"

local M = {}

---@param object bpf.Object
---@param id integer of the type in the object's BTF
---@return bpf.TypeSet set
---@return integer root of the type in the set
function M.of(object, id)
  local layout = errors.check(object.handle:layout(id))
  return decode.new(layout.types), layout.root
end

---@param object bpf.Object
---@param name string "struct event"
---@return bpf.TypeSet set
---@return integer root
function M.named(object, name)
  if type(name) ~= "string" then
    errors.misuse('the type of a record is given as text: "struct event"')
  end
  return M.of(object, errors.check(object.handle:type_id(name)))
end

return M
