-- Lines of a descriptor, handled by the event loop as they come.
local ffi = require "ffi"
local bit = require "bit"
local errors = require "bpf.errors"
local loop = require "bpf.loop"

ffi.cdef [[
int open(const char *path, int flags, ...);
long read(int fd, void *buffer, size_t size);
int close(int fd);
int fcntl(int fd, int command, ...);
]]
local C = ffi.C

local M = {}

local O_NONBLOCK, O_CLOEXEC = 0x800, 0x80000
local F_GETFL, F_SETFL = 3, 4
local EACCES, EPERM = 13, 1
local SIZE = 65536

local function watch(fd, fn, on_end)
  local buffer, rest = ffi.new("char[?]", SIZE), ""
  local source
  source = loop.add(fd, function()
    local count = 0
    while true do
      local got = tonumber(C.read(fd, buffer, SIZE))
      if got == 0 then
        loop.remove(source)
        if on_end then on_end() end
      end
      if got <= 0 then return count end
      rest = rest .. ffi.string(buffer, got)
      local whole, tail = rest:match("^(.*\n)([^\n]*)$")
      if whole then
        rest = tail
        for line in whole:gmatch("([^\n]*)\n") do
          count = count + 1
          fn(line)
        end
      end
    end
  end)
  return source
end

--- Calls `fn(line)` for each line that can be read from `path` while the loop runs.
---@param path string of a file that can wait: a pipe, a terminal, trace_pipe
---@param fn fun(line: string)
---@return fun() stop
function M.of_file(path, fn)
  local fd = C.open(path, bit.bor(O_NONBLOCK, O_CLOEXEC))
  if fd < 0 then
    local number = ffi.errno()
    local denied = number == EACCES or number == EPERM
    error(errors.new { stage = "read", code = denied and "not_permitted" or "io",
                       message = ("cannot open %s, errno %d"):format(path, number),
                       hint = denied and "it takes root" or nil }, 0)
  end
  local source = watch(fd, fn)
  return function()
    if not source then return end
    loop.remove(source)
    C.close(fd)
    source = nil
  end
end

--- Calls `fn(line)` for each line of standard input while the loop runs, and `on_end()`
--- at its end.
---@param fn fun(line: string)
---@param on_end fun()?
function M.of_input(fn, on_end)
  local flags = C.fcntl(0, F_GETFL)
  C.fcntl(0, F_SETFL, ffi.new("int", bit.bor(flags, O_NONBLOCK)))
  watch(0, fn, on_end)
end

return M
