-- The process's one compiler server, started when first needed and stopped before the
-- loop runs, so that nothing big stays resident.
local host = require "bpf.host"
local errors = require "bpf.errors"

local M = {}

local server

--- Lets the server get ready while Lua goes on.
function M.start()
  if not server then server = errors.check(host.compiler()) end
  return server
end

--- Ends the server; the next compile starts another.
function M.stop()
  if server then server:close() end
  server = nil
end

---@param request {text: string, name: string, directory: string, flags: string[]}
---@return string elf
---@return string warnings
function M.compile(request)
  return errors.check(M.start():compile(request))
end

return M
