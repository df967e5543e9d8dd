-- Links: what is attached. The object owns them; dropping one from Lua detaches nothing.
local M = {}

---@class bpf.Link
---@field spec string the probe in the grammar's own words
local Link = {}
Link.__index = Link

---@param handle userdata
---@param owner bpf.Object
---@return bpf.Link
function M.new(handle, owner)
  return setmetatable({ handle = handle, owner = owner, spec = handle:spec() }, Link)
end

--- Detaches; a second call does nothing.
function Link:close()
  if not self.handle then return end
  self.handle:close()
  self.handle = nil
  self.owner:forget(self)
end

--- {spec, attached}
function Link:info()
  return { spec = self.spec, attached = self.handle ~= nil }
end

function Link:__tostring()
  return ("link: %s%s"):format(self.spec, self.handle and "" or " (closed)")
end

return M
