-- Lines of a descriptor, handled by the event loop as they come.
local ffi = require "ffi"
local bit = require "bit"
local errors = require "bpf.errors"
local loop = require "bpf.loop"

ffi.cdef [[
int open(const char *path, int flags, ...);
long read(int fd, void *buffer, size_t size);
int close(int fd);
struct ebl_pollfd { int fd; short events; short revents; };
int poll(struct ebl_pollfd *fds, unsigned long count, int milliseconds);
]]
local C = ffi.C

local M = {}

local O_NONBLOCK, O_CLOEXEC = 0x800, 0x80000
local POLLIN = 1
local EACCES, EPERM = 13, 1
local SIZE = 65536
-- Reads before the other sources, the timers and the signals have their turn.
local READS_A_TURN = 16

local asked = ffi.new("struct ebl_pollfd[1]")

--- Whether a read of `fd` would not wait.
---@param fd integer
---@return boolean
local function readable(fd)
  asked[0].fd, asked[0].events = fd, POLLIN
  return C.poll(asked, 1, 0) > 0
end

--- Returns what ends the watching. The descriptor is not made non-blocking: standard
--- input may be the terminal that others read and write.
local function watch(fd, fn, on_end)
  local buffer, rest = ffi.new("char[?]", SIZE), ""
  local source, over, failed

  local function stop()
    over = true
    if source then loop.remove(source) end
    source = nil
  end

  local function finish()
    stop()
    if rest ~= "" then fn(rest) end -- a last line without its end
    if on_end then on_end() end
  end

  local function drain()
    local count = 0
    for _ = 1, READS_A_TURN do
      if over or not readable(fd) then return count end
      local got = tonumber(C.read(fd, buffer, SIZE))
      failed = got < 0
      if got == 0 then finish() end
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
    return count
  end

  local function drain_file()
    drain()
    if failed then finish() end -- a folder
    if not over then loop.after(0, drain_file) end
  end

  local watched, number = pcall(loop.add, fd, drain)
  source = watched and number or nil
  if not watched then loop.after(0, drain_file) end -- epoll takes no files
  return stop
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
  local stop = watch(fd, fn)
  return function()
    stop()
    if fd then C.close(fd) end
    fd = nil
  end
end

--- Calls `fn(line)` for each line of standard input while the loop runs, and `on_end()`
--- at its end.
---@param fn fun(line: string)
---@param on_end fun()?
function M.of_input(fn, on_end)
  watch(0, fn, on_end)
end

M.readable = readable

return M
