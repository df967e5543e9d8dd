--- What specs of hooks share: skipping by the kernel's own words, and nothing else.
local harness = require "harness"

local M = {}

--- Calls `fn`; an error that says the kernel cannot, or may not, ends the test as skipped
--- with that reason. Any other error goes on.
function M.try(fn, ...)
  local result = { pcall(fn, ...) }
  if result[1] then return unpack(result, 2) end
  local err = result[2]
  local code = type(err) == "table" and err.code
  if code == "not_supported" or code == "not_permitted" then
    harness.skip(tostring(err))
  end
  error(err, 0)
end

--- program:attach(spec, options) by try().
function M.attach(program, spec, options)
  return M.try(program.attach, program, spec, options)
end

return M
