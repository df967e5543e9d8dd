-- Global variables of an object as fields: object.variables.NAME reads and writes the
-- program's memory. Before load both kinds can be written; after it, constants cannot.
local ffi = require "ffi"
local decode = require "bpf.decode"
local errors = require "bpf.errors"
local nearest = require "bpf.nearest"

local M = {}

local function memory_of(object, entry)
  local memory = object.handle:variable_memory(entry.place)
  if memory == nil then
    error(errors.new { stage = "load", code = "not_supported",
                       message = ("variable '%s' cannot be reached"):format(entry.name),
                       hint = "global variables in memory take Linux 5.5" }, 0)
  end
  return ffi.cast("uint8_t *", memory)
end

local function type_of(object, entry)
  if not entry.set then
    local layout = errors.check(object.handle:layout(entry.type))
    entry.set, entry.root = decode.new(layout.types), layout.root
  end
  return entry.set, entry.root
end

---@param object bpf.Object
---@return table<string, any>
function M.new(object)
  local entries = {}
  for place, entry in ipairs(object.handle:variables()) do
    if not entry.name:match("^__ebl_") then
      entry.place = place
      entries[entry.name] = entry
    end
  end
  local function find(name)
    if not object.handle then
      errors.misuse(("object '%s' is closed"):format(object.name))
    end
    local entry = entries[name]
    if entry then return entry end
    errors.misuse(("no variable '%s' in '%s'"):format(tostring(name), object.name),
                  nearest.hint(tostring(name), nearest.keys(entries), "variables"))
  end
  return setmetatable({}, {
    __names = function() return entries end,
    __index = function(_, name)
      local entry = find(name)
      local set, root = type_of(object, entry)
      local constant = entry.constant and object.handle:loaded()
      local reader = constant and set:borrow(root) or set:ref(root)
      return reader(memory_of(object, entry), object)
    end,
    __newindex = function(_, name, value)
      local entry = find(name)
      if entry.constant and object.handle:loaded() then
        errors.misuse(("constant '%s' cannot change once the object is loaded")
                      :format(name),
                      "pass it in bpf.load{ constants = { ... } }, or drop the const")
      end
      local set, root = type_of(object, entry)
      set:write(root)(memory_of(object, entry), value, ("variable '%s'"):format(name))
    end,
  })
end

return M
