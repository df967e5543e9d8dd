-- Suggestions for misspelt names.
local near = require "bpf.decode.nearest"

local M = {}

--- "did you mean 'x'?", or the list of all names, or that there is none.
---@param wanted string
---@param names string[] may be sorted in place
---@param noun string what the names are, in the plural
---@return string
function M.hint(wanted, names, noun)
  local found = near(wanted, names)
  if found then return ("did you mean '%s'?"):format(found) end
  if #names == 0 then return "there are no " .. noun end
  table.sort(names)
  return ("%s: %s"):format(noun, table.concat(names, ", ", 1, math.min(#names, 20)))
end

---@param map table<string, any>
---@return string[]
function M.keys(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = tostring(name) end
  return names
end

return M
