-- Programs that are in the kernel already, found by bpf.open_program.
local host = require "bpf.host"
local errors = require "bpf.errors"
local kernel_program = require "bpf.kernel_program"
local option_table = require "bpf.options"

local M = {}

---@class bpf.OpenedProgram: bpf.KernelProgram
---@field name string
local Opened = {}
Opened.__index = Opened
kernel_program.add_to(Opened)

--- Its descriptor.
---@return integer
function Opened:fd()
  if not self.handle then errors.misuse(("program '%s' is closed"):format(self.name)) end
  return self.handle:fd()
end

---@return integer
function Opened:id()
  return self:info().id
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
  local how, what = option_table.existing("bpf.open_program", options)
  local handle = errors.check(host.open_program(how, what))
  local name = errors.check(host.program_info(handle:fd())).name
  return setmetatable({ name = name, handle = handle }, Opened)
end

return M
