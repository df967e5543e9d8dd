-- Where the prompt keeps its history: the state folder of the user who runs the program.
local ffi = require "ffi"

ffi.cdef [[
int mkdir(const char *path, unsigned int mode);
int chmod(const char *path, unsigned int mode);
unsigned int umask(unsigned int mask);
]]
local C = ffi.C

local M = {}

local EEXIST = 17
local FOLDER_MODE, FILE_MODE = 0x1c0, 0x180 -- 0700, 0600

local function make_folder(path)
  return C.mkdir(path, FOLDER_MODE) == 0 or ffi.errno() == EEXIST
end

--- The history file, made where it is missing; "" where there is no place for one.
---@param is_own fun(path: string): boolean whether a folder belongs to this user
---@return string
function M.file(is_own)
  local state = os.getenv("XDG_STATE_HOME")
  local home = os.getenv("HOME")
  if not state or state:sub(1, 1) ~= "/" then
    if not home or home:sub(1, 1) ~= "/" or not is_own(home) then return "" end
    make_folder(home .. "/.local")
    state = home .. "/.local/state"
    make_folder(state)
  end
  if not is_own(state) then return "" end -- sudo keeps the caller's HOME
  local folder = state .. "/ebpf-lua"
  if not make_folder(folder) or not is_own(folder) then return "" end
  C.umask(0x3f) -- 077
  local path = folder .. "/history"
  local file = io.open(path, "a")
  if not file then return "" end
  file:close()
  C.chmod(path, FILE_MODE)
  return path
end

return M
