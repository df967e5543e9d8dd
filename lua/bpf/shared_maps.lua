-- Maps that one object offers by name and another asks for: BPF_TABLE_PUBLIC,
-- BPF_TABLE_SHARED and BPF_TABLE("extern", …) of BCC C. The names are the process's.
local errors = require "bpf.errors"

local M = {}

local OFFERED = { public = true, shared = true }

-- name -> the object whose map it is
local offers = {}

local function entries(object, wanted)
  local list = {}
  for _, entry in ipairs(object.handle:maps()) do
    if wanted(entry.tag) then list[#list + 1] = entry end
  end
  return list
end

--- Before an object is loaded: finds what it asks for.
---@param object bpf.Object
function M.import(object)
  for _, entry in ipairs(entries(object, function(tag) return tag == "extern" end)) do
    local owner = offers[entry.name]
    if not (owner and owner.handle) then
      errors.misuse(("map '%s' is extern, and no loaded object offers a map of that name")
                    :format(entry.name),
                    "load the text with its BPF_TABLE_PUBLIC or BPF_TABLE_SHARED first")
    end
    errors.check(object.handle:reuse_map(entry.name, owner.maps[entry.name]:fd()))
  end
end

--- After it is loaded: offers its own. A later object takes a name over.
---@param object bpf.Object
function M.export(object)
  for _, entry in ipairs(entries(object, function(tag) return OFFERED[tag] end)) do
    offers[entry.name] = object
  end
end

--- When it is closed.
---@param object bpf.Object
function M.withdraw(object)
  for name, owner in pairs(offers) do
    if owner == object then offers[name] = nil end
  end
end

return M
