-- What every program that the kernel has can do, by its fd(): those of an object, which
-- are loaded for it where needed, and those that bpf.open_program finds.
local host = require "bpf.host"
local errors = require "bpf.errors"

local M = {}

---@class bpf.KernelProgram
---@field fd fun(self: bpf.KernelProgram): integer
local Program = {}

--- What the kernel knows of it: see bpf.list_programs().
---@return table
function Program:info()
  return errors.check(host.program_info(self:fd()))
end

--- Its code in the kernel, under the C lines that it comes from: as the verifier left it,
--- or this machine's own instructions.
---@param what "xlated"|"jited"
---@return string
function Program:dump(what)
  return require("bpf.program_code").dump(self:fd(), what)
end

--- Makes a file of a bpffs that keeps it beyond the end of this process.
---@param path string
function Program:pin(path)
  errors.check(host.pin(self:fd(), "the program", path))
end

--- Gives a class these methods.
---@param class table with a method fd
function M.add_to(class)
  for name, method in pairs(Program) do class[name] = method end
end

return M
