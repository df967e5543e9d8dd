-- Programs that are in the kernel already, found by bpf.open_program.
local host = require "bpf.host"
local errors = require "bpf.errors"
local option_table = require "bpf.options"

local M = {}

---@class bpf.OpenedProgram
---@field name string
local Opened = {}
Opened.__index = Opened

--- Its descriptor.
---@return integer
function Opened:fd()
  if not self.handle then errors.misuse(("program '%s' is closed"):format(self.name)) end
  return self.handle:fd()
end

--- What the kernel knows of it: see bpf.list_programs().
---@return table
function Opened:info()
  return errors.check(host.program_info(self:fd()))
end

---@return integer
function Opened:id()
  return self:info().id
end

--- Its code in the kernel, under the C lines that it comes from.
---@param what "xlated"|"jited"
---@return string
function Opened:dump(what)
  return require("bpf.program_code").dump(self:fd(), what)
end

--- Makes a file of a bpffs that keeps it.
---@param path string
function Opened:pin(path)
  errors.check(host.pin_program(self:fd(), path))
end

--- Gives the descriptor back. A second call does nothing.
function Opened:close()
  if self.handle then self.handle:close() end
  self.handle = nil
end

function Opened:__tostring()
  return ("program: %s%s"):format(self.name, self.handle and "" or " (closed)")
end

--- Opens a program that is in the kernel, whoever loaded it.
---@param options {path: string?, id: integer?, name: string?} one of them
---@return bpf.OpenedProgram
function M.open(options)
  local how, what = option_table.one_of(
    "bpf.open_program", options, { path = "string", id = "number", name = "string" },
    "path, id and name")
  local handle = errors.check(host.open_program(how, what))
  local name = errors.check(host.program_info(handle:fd())).name
  return setmetatable({ name = name, handle = handle }, Opened)
end

return M
