--- bash with a time limit, by one exec. os.execute and timeout(1) take three, and on an
--- emulated processor a spec spends most of its time in those.
local ffi = require "ffi"

ffi.cdef [[
typedef struct { long room[64]; } ebl_test_spawn; // larger than what glibc puts there
int posix_spawn_file_actions_init(ebl_test_spawn *actions);
int posix_spawn_file_actions_destroy(ebl_test_spawn *actions);
int posix_spawn_file_actions_addopen(ebl_test_spawn *actions, int fd, const char *path,
                                     int flags, unsigned int mode);
int posix_spawnattr_init(ebl_test_spawn *attributes);
int posix_spawnattr_destroy(ebl_test_spawn *attributes);
int posix_spawnattr_setflags(ebl_test_spawn *attributes, short flags);
int posix_spawn(int *pid, const char *path, const ebl_test_spawn *actions,
                const ebl_test_spawn *attributes, const char *const *argv,
                char **environment);
extern char **environ;
struct ebl_test_poll { int fd; short events; short revents; };
int ebl_test_poll(struct ebl_test_poll *fds, unsigned long count, int milliseconds)
  __asm__("poll");
long syscall(long number, ...);
int waitpid(int pid, int *status, int options);
int kill(int pid, int signal);
int close(int fd);
]]
local C = ffi.C

local PIDFD_OPEN = 434
local READ, WRITE = 0, 0x241 -- O_WRONLY | O_CREAT | O_TRUNC
local OWN_GROUP = 2 -- POSIX_SPAWN_SETPGROUP
local POLLIN, SIGTERM, SIGKILL = 1, 15, 9
local LATE = 124 -- as timeout(1) has it

local M = {}

--- Whether it ends within that time.
local function ends(fd, milliseconds)
  local asked = ffi.new("struct ebl_test_poll[1]", { { fd, POLLIN } })
  local ready
  repeat ready = C.ebl_test_poll(asked, 1, milliseconds) until ready >= 0 -- EINTR
  return ready > 0
end

local function start(command, out, err)
  local actions, attributes = ffi.new "ebl_test_spawn", ffi.new "ebl_test_spawn"
  C.posix_spawn_file_actions_init(actions)
  C.posix_spawn_file_actions_addopen(actions, 0, "/dev/null", READ, 0)
  C.posix_spawn_file_actions_addopen(actions, 1, out, WRITE, 0x180)
  C.posix_spawn_file_actions_addopen(actions, 2, err, WRITE, 0x180)
  C.posix_spawnattr_init(attributes)
  C.posix_spawnattr_setflags(attributes, OWN_GROUP)
  local argv = ffi.new("const char *[4]", "bash", "-c", command)
  local pid = ffi.new "int[1]"
  local code = C.posix_spawn(pid, "/bin/bash", actions, attributes, argv, C.environ)
  C.posix_spawnattr_destroy(attributes)
  C.posix_spawn_file_actions_destroy(actions)
  assert(code == 0, "posix_spawn of /bin/bash")
  return pid[0]
end

--- Runs a command with its output in two files: its exit code, 128 + n when signal n
--- ended it, 124 when it did not end in time and was ended with all of its process group.
---@param command string
---@param out string path
---@param err string path
---@param seconds number
---@return integer
function M.run(command, out, err, seconds)
  local pid = start(command, out, err)
  local fd = C.syscall(PIDFD_OPEN, ffi.new("int", pid), ffi.new "int")
  assert(fd >= 0, "pidfd_open")
  local late = not ends(fd, seconds * 1000)
  if late then
    C.kill(-pid, SIGTERM)
    if not ends(fd, 1000) then C.kill(-pid, SIGKILL) end
  end
  C.close(fd)
  local status = ffi.new "int[1]"
  C.waitpid(pid, status, 0)
  if late then return LATE end
  local signal = status[0] % 128
  return signal ~= 0 and 128 + signal or math.floor(status[0] / 256) % 256
end

return M
