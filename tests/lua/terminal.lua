--- A pseudo-terminal with the program in it, driven by keys.
local ffi = require "ffi"
local support = require "support"

ffi.cdef [[
struct ebl_test_winsize { unsigned short rows, columns, width, height; };
int forkpty(int *master, char *name, const void *termios,
            const struct ebl_test_winsize *size);
int setenv(const char *name, const char *value, int overwrite);
int execv(const char *path, const char *const *argv);
void _exit(int status);
int waitpid(int pid, int *status, int options);
int kill(int pid, int signal);
long write(int fd, const void *data, size_t size);
struct ebl_test_pollfd { int fd; short events; short revents; };
]]
local C = ffi.C

local M = {}

local Terminal = {}
Terminal.__index = Terminal

--- Starts the program with these arguments on a terminal of 100 columns.
---@param arguments string[]
---@param environment table<string, string>?
function M.start(arguments, environment)
  local master = ffi.new("int[1]")
  local size = ffi.new("struct ebl_test_winsize", 30, 100, 0, 0)
  local argv = ffi.new("const char *[?]", #arguments + 2)
  argv[0] = support.program
  for i, word in ipairs(arguments) do argv[i] = word end
  local pid = C.forkpty(master, nil, nil, size)
  if pid == 0 then
    C.setenv("TERM", "xterm", 1)
    C.setenv("NO_COLOR", "1", 1) -- unless a spec is about colours
    for name, value in pairs(environment or {}) do C.setenv(name, value, 1) end
    C.execv(support.program, argv)
    C._exit(127)
  end
  assert(pid > 0, "forkpty")
  return setmetatable({ pid = pid, fd = master[0], seen = "" }, Terminal)
end

function Terminal:send(keys)
  C.write(self.fd, keys, #keys)
end

--- Reads until the pattern is there, and takes all up to its end.
---@return string what matched, or all up to it
function Terminal:expect(pattern, seconds)
  local buffer = ffi.new("char[4096]")
  local asked = ffi.new("struct ebl_pollfd[1]")
  local ends = os.time() + (seconds or 30 * support.patience)
  while true do
    local _, stop = self.seen:find(pattern)
    if stop then
      local text = self.seen:sub(1, stop)
      self.seen = self.seen:sub(stop + 1)
      return text
    end
    if os.time() > ends then
      error(("no '%s' in %q"):format(pattern, self.seen), 2)
    end
    asked[0].fd, asked[0].events = self.fd, 1
    if C.poll(asked, 1, 100) > 0 then
      local got = tonumber(C.read(self.fd, buffer, 4096))
      if got <= 0 then
        if self.seen:find(pattern) then goto continue end
        error(("the program ended; no '%s' in %q"):format(pattern, self.seen), 2)
      end
      self.seen = self.seen .. ffi.string(buffer, got)
    end
    ::continue::
  end
end

--- Waits for the end of the program: its exit code, or nil and the signal. One that does
--- not end is killed.
function Terminal:close()
  local status = ffi.new("int[1]")
  local buffer = ffi.new("char[4096]")
  local asked = ffi.new("struct ebl_pollfd[1]")
  local ends = os.time() + 30 * support.patience
  repeat
    asked[0].fd, asked[0].events = self.fd, 1
    local ready = C.poll(asked, 1, 100)
    if os.time() > ends then C.kill(self.pid, 9) end
  until ready > 0 and tonumber(C.read(self.fd, buffer, 4096)) <= 0
  C.waitpid(self.pid, status, 0)
  C.close(self.fd)
  if status[0] % 128 ~= 0 then return nil, status[0] % 128 end
  return math.floor(status[0] / 256) % 256
end

return M
