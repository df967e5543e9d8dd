-- The terminal that standard output is: how large it is, drawing again on the same place.
local ffi = require "ffi"

ffi.cdef [[
struct ebl_winsize { unsigned short rows, columns, width, height; };
int ioctl(int fd, unsigned long request, ...);
]]
local C = ffi.C

local M = {}

local STDOUT, TIOCGWINSZ = 1, 0x5413

--- The rows and columns of the terminal; nil where standard output is none.
---@return integer? rows
---@return integer? columns
function M.size()
  local size = ffi.new("struct ebl_winsize")
  if C.ioctl(STDOUT, TIOCGWINSZ, size) ~= 0 or size.rows == 0 then return nil end
  return size.rows, size.columns
end

-- To the first place, all cleared; what is too long for a row is cut.
M.BEGIN = "\27[H\27[J\27[?7l"
M.END = "\27[?7h"

return M
