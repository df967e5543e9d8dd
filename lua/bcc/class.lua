-- Classes as BCC's scripts know them (middleclass): class("Name", Parent) -> a table
-- whose call, and whose new(), makes an instance.
--
--   local Point = class("Point")
--   Point.static.origin = 0
--   function Point:initialize(x) self.x = x end
--   local p = Point:new(3)        -- or Point(3)

local M = {}

local METAMETHODS = { "__tostring", "__call", "__len", "__eq", "__lt", "__le", "__add",
                      "__sub", "__mul", "__div", "__mod", "__pow", "__unm", "__concat" }

--- Instances inherit metamethods when they are made: they may be defined late.
local function instance_metatable(class)
  local meta = { __index = class.__instance_index }
  for _, name in ipairs(METAMETHODS) do meta[name] = class.__methods[name] end
  meta.__newindex = class.__methods.__newindex
  return meta
end

local function find_method(class, name)
  while class do
    local method = rawget(class.__methods, name)
    if method ~= nil then return method end
    class = rawget(class, "super")
  end
end

local function make(name, super)
  local methods, statics = {}, {}
  if super then
    for _, meta in ipairs(METAMETHODS) do methods[meta] = super.__methods[meta] end
    methods.__newindex = super.__methods.__newindex
  end
  local class = { name = name, super = super, static = statics, subclasses = {},
                  __methods = methods }

  function class.__instance_index(self, key)
    local method = find_method(class, key)
    if method ~= nil or type(key) == "string" and key:sub(1, 2) == "__" then
      return method
    end
    local fallback = find_method(class, "__index")
    if type(fallback) == "function" then return fallback(self, key) end
    return fallback and fallback[key]
  end

  function statics.allocate()
    return setmetatable({ class = class }, instance_metatable(class))
  end

  function statics.new(self, ...)
    local instance = self:allocate()
    local initialize = find_method(class, "initialize")
    if initialize then initialize(instance, ...) end
    return instance
  end

  function statics.subclass(self, subname)
    return make(subname, self)
  end

  function statics.isSubclassOf(self, other)
    local parent = rawget(self, "super")
    while parent do
      if parent == other then return true end
      parent = rawget(parent, "super")
    end
    return false
  end

  function statics.include(self, ...)
    for _, mixin in ipairs { ... } do
      for key, value in pairs(mixin) do
        if key ~= "included" then methods[key] = value end
      end
      if mixin.included then mixin.included(self) end
    end
    return self
  end

  function methods.isInstanceOf(self, other)
    return self.class == other or self.class:isSubclassOf(other)
  end

  setmetatable(statics, { __index = super and super.static })
  if super then super.subclasses[class] = true end
  return setmetatable(class, {
    __index = function(_, key)
      local value = statics[key]
      if value == nil then value = find_method(class, key) end
      return value
    end,
    __newindex = function(_, key, value) methods[key] = value end,
    __call = function(self, ...) return self:new(...) end,
    __tostring = function() return "class " .. name end,
  })
end

---@param name string
---@param super table?
---@return table class
function M.new(name, super)
  assert(type(name) == "string", "a class has a name")
  return make(name, super)
end

return M
