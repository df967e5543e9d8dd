-- C text to object bytes: from the object cache, or else by the process's one compiler
-- server, started when first needed and stopped before the loop runs, so that nothing big
-- stays resident.
local host = require "bpf.host"
local errors = require "bpf.errors"
local say = require "bpf.say"

local M = {}

M.use_cache = true -- --no-cache

local server
local cache -- nil: not opened yet; false: there is none
local warned = false

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

--- What is wrong with the cache is told once; the compile goes on without it.
local function warn(err)
  if warned or not err then return end
  warned = true
  say(("ebpf-lua: warning: the object cache is not used: %s"):format(err.message))
end

local function open_cache()
  if not M.use_cache then return nil end
  if cache == nil then
    local opened, err = host.cache()
    warn(err)
    cache = opened or false
  end
  return cache or nil
end

--- The object of a text. Clang's warnings go to standard error, also for one that was
--- compiled before.
---@param request {text: string, name: string, directory: string, flags: string[],
--- dialect: string?, listing: "ir"|"asm"|"relocs"|nil}
---@return string elf
---@return string listing empty where none was asked for
function M.compile(request)
  -- A listing is made by the compile, and the cache holds none.
  local kept = not request.listing and open_cache() or nil
  local elf, warnings, problem, listing
  if kept then
    elf, warnings = kept:find(request)
    if not elf then warn(warnings) end
  end
  if not elf then
    elf, warnings, problem, listing = errors.check(M.start():compile(request, kept))
    warn(problem)
  end
  if warnings ~= "" then say((warnings:gsub("\n$", ""))) end
  return elf, listing or ""
end

return M
