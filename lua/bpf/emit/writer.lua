--- Where text goes. A writer is any object with these two members, so that a test or the
--- host can put its own in place:
---   writer:write(text)   one call for each line or block, never part of one
---   writer.is_tty        whether a terminal shows it

local ffi = require "ffi"

local M = {}

ffi.cdef [[
int ebl_isatty(int) __asm__("isatty");
int ebl_fileno(void *) __asm__("fileno");
]]

--- Whether a descriptor is a terminal.
---@param fd integer
---@return boolean
function M.is_terminal(fd) return ffi.C.ebl_isatty(fd) == 1 end

---@class bpf.Writer
---@field is_tty boolean
---@field write fun(self: bpf.Writer, text: string)

local File = {}
File.__index = File

function File:write(text)
  local ok, err = self.file:write(text)
  if not ok then
    error("cannot write: " .. err, 0)
  end
  self.file:flush()
end

--- A writer on a Lua file, flushed after each write.
---@param file file*
---@return bpf.Writer
function M.file(file)
  return setmetatable({
    file = file, is_tty = M.is_terminal(ffi.C.ebl_fileno(file)),
  }, File)
end

local Memory = {}
Memory.__index = Memory

function Memory:write(text)
  self.writes[#self.writes + 1] = text
end

--- All that was written, as one string.
function Memory:text()
  return table.concat(self.writes)
end

--- A writer that keeps what it gets in `writes`.
---@param is_tty boolean?
function M.memory(is_tty)
  return setmetatable({ writes = {}, is_tty = is_tty or false }, Memory)
end

return M
