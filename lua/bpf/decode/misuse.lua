--- Raises an error that is blamed on the script: the first caller outside lua/bpf.
-- Views reach this code through metamethods at varying depths, so a fixed level
-- for error() would point into this library.

local HERE = debug.getinfo(1, "S").source
local LIBRARY = HERE:match("^(.*)decode[/.]misuse%.lua$") or HERE

---@param message string
return function(message)
  local level = 2
  while true do
    local info = debug.getinfo(level, "S")
    if not info then
      error(message, 0)
    end
    if info.what ~= "C" and info.source:sub(1, #LIBRARY) ~= LIBRARY then
      error(message, level)
    end
    level = level + 1
  end
end
