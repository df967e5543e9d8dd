-- Makes events happen for the specs of tools: system calls with exact arguments, by FFI.
--
--   ebpf-lua tests/lua/actor.lua exec UID PATH ARG...       execve as UID
--   ebpf-lua tests/lua/actor.lua execat FOLDER PATH ARG...  execveat relative to FOLDER
--   ebpf-lua tests/lua/actor.lua exec_many COUNT SIZE       failing execs
--   ebpf-lua tests/lua/actor.lua open UID CALL PATH FLAGS ...
--   ebpf-lua tests/lua/actor.lua open_many COUNT PATH
--   ebpf-lua tests/lua/actor.lua getppid|udp|icmp|exit ...  see below
--
-- It first prints its process id and its parent's; then, for each call, the result or
-- -errno. "@N" as an argument is N times x.
local ffi = require "ffi"
local bit = require "bit"
local support = require "support"

ffi.cdef [[
int getpid(void);
int getppid(void);
int setresuid(uint32_t real, uint32_t effective, uint32_t saved);
int execve(const char *path, const char *const *argv, const char *const *envp);
long syscall(long number, ...);
int open(const char *path, int flags, ...);
int close(int fd);
int socket(int family, int type, int protocol);
int bind(int fd, const void *address, uint32_t size);
long sendto(int fd, const void *data, size_t size, int flags, const void *to,
            uint32_t length);
int setsockopt(int fd, int level, int name, const void *value, uint32_t size);
int inet_pton(int family, const char *text, void *address);
int usleep(unsigned int microseconds);
void _exit(int code);
int kill(int pid, int signal);
int pthread_create(unsigned long *thread, const void *attributes,
                   void *(*start)(void *), void *argument);
int pthread_join(unsigned long thread, void **result);
typedef struct { uint16_t family, port; uint8_t rest[24]; } ebl_test_address;
]]
local C = ffi.C

local EXECVEAT = ffi.arch == "x64" and 322 or 281
local TKILL, TGKILL = ffi.arch == "x64" and 200 or 130, ffi.arch == "x64" and 234 or 131
local EXIT = ffi.arch == "x64" and 60 or 93
local OPEN, OPENAT, OPENAT2 = 2, ffi.arch == "x64" and 257 or 56, 437
local AT_FDCWD = -100
local O_PATH = 0x200000

local function int(n) return ffi.new("int", n) end
local function result(value)
  value = tonumber(value)
  return value < 0 and -ffi.errno() or value
end

local function say(...)
  io.stdout:write(table.concat({ ... }, " "), "\n")
  io.stdout:flush()
end

local function strings(words)
  local list = ffi.new("const char *[?]", #words + 1)
  local kept = {}
  for i, word in ipairs(words) do
    local count = word:match("^@(%d+)$")
    kept[i] = count and ("x"):rep(tonumber(count)) or word
    list[i - 1] = kept[i]
  end
  list[#words] = nil
  return list, kept
end

local function become(uid)
  uid = tonumber(uid)
  if uid ~= 0 then assert(C.setresuid(uid, uid, uid) == 0, "setresuid") end
end

local acts = {}

function acts.exec(uid, path, ...)
  become(uid)
  local argv, kept = strings { ... }
  C.execve(path, argv, (strings {}))
  say(-ffi.errno(), #kept)
end

function acts.execat(folder, path, ...)
  local fd = C.open(folder, int(O_PATH))
  local argv, kept = strings { ... }
  local flags = path == "" and 0x1000 or 0 -- AT_EMPTY_PATH
  C.syscall(EXECVEAT, int(fd), ffi.cast("const char *", path), argv, (strings {}),
            int(flags))
  say(-ffi.errno(), #kept)
end

function acts.exec_many(count, size)
  local argv, kept = strings { "name", "@" .. size }
  for _ = 1, tonumber(count) do C.execve("/nonexistent", argv, argv + 2) end
  say(#kept)
end

local openers = {
  open = function(path, flags) return C.syscall(OPEN, path, int(flags), int(0x180)) end,
  openat = function(path, flags)
    return C.syscall(OPENAT, int(AT_FDCWD), path, int(flags), int(0x180))
  end,
  openat2 = function(path, flags)
    local mode = bit.band(flags, 0x40) ~= 0 and 0x180 or 0
    return C.syscall(OPENAT2, int(AT_FDCWD), path, ffi.new("uint64_t[3]", flags, mode, 0),
                     ffi.new("size_t", 24))
  end,
}

function acts.open(uid, ...)
  become(uid)
  local words = { ... }
  for i = 1, #words, 3 do
    local call, path, flags = words[i], words[i + 1], tonumber(words[i + 2])
    path = ffi.cast("const char *", path)
    if call == "bad" then call, path = "openat", ffi.cast("const char *", 1) end
    local fd = result(openers[call](path, flags))
    say(fd)
    if fd >= 0 then C.close(fd) end
  end
end

function acts.open_many(count, path)
  for _ = 1, tonumber(count) do C.open(path, int(0)) end
end

local function address(text, port)
  local is_ipv6 = text:find(":", 1, true)
  local value = ffi.new("ebl_test_address")
  value.family = is_ipv6 and 10 or 2
  value.port = bit.bor(bit.lshift(bit.band(port, 255), 8), bit.rshift(port, 8))
  assert(C.inet_pton(value.family, text, value.rest + (is_ipv6 and 4 or 0)) == 1, text)
  return value, is_ipv6 and 28 or 16
end

--- udp FROM SPORT TO DPORT PORTS SIZE COUNT PAUSE: packet i (from 0) has the destination
--- port DPORT + i % PORTS and SIZE + i % 1000 bytes; PAUSE microseconds pass between two.
function acts.udp(from, sport, to, dport, ports, size, count, pause)
  local source, length = address(from, tonumber(sport))
  local fd = C.socket(source.family, 2, 0)
  assert(C.bind(fd, source, length) == 0, "bind")
  local data = ffi.new("uint8_t[65536]")
  for i = 0, count - 1 do
    local target = address(to, dport + i % ports)
    C.sendto(fd, data, size + i % 1000, 0, target, length)
    if tonumber(pause or 0) > 0 then C.usleep(tonumber(pause)) end
  end
  say("sent")
end

--- icmp FROM TO SIZE: an echo request.
function acts.icmp(from, to, size)
  local source, length = address(from, 0)
  local is_ipv6 = source.family == 10
  local fd = C.socket(source.family, 3, is_ipv6 and 58 or 1)
  assert(fd >= 0, "raw socket")
  assert(C.bind(fd, source, length) == 0, "bind")
  size = tonumber(size)
  local data = ffi.new("uint8_t[?]", size)
  data[0] = is_ipv6 and 128 or 8
  if not is_ipv6 then data[2], data[3] = 0xf7, 0xff end -- the sum of 8, 0, zeros
  say(result(C.sendto(fd, data, size, 0, address(to, 0), length)))
end

--- Waits until the file is gone. A spec that failed before it removed the file would wait
--- for this process.
local function wait_for_gate(gate)
  for _ = 1, 60000 * support.patience do
    if not support.exists(gate) then return end
    C.usleep(1000)
  end
  error(gate .. " is still there")
end

--- getppid COUNT GATE: the calls, once the file GATE is gone; then makes GATE.done.
function acts.getppid(count, gate)
  wait_for_gate(gate)
  for _ = 1, tonumber(count) do C.getppid() end
  assert(io.open(gate .. ".done", "w")):close()
end

--- getppid_until STOP GATE: calls from when the file GATE is gone until the file STOP is
--- there, or the spec is gone; then prints how many.
function acts.getppid_until(stop, gate)
  local spec = C.getppid()
  wait_for_gate(gate)
  local count, parent = 0, nil
  repeat
    for _ = 1, 1000 do parent = C.getppid() end
    count = count + 1000
  until support.exists(stop) or parent ~= spec
  say(count)
end

--- exit CODE
function acts.exit(code)
  C._exit(tonumber(code))
end

local signallers = {
  kill = function(pid, signal) return C.kill(int(pid), int(signal)) end,
  tkill = function(pid, signal) return C.syscall(TKILL, int(pid), int(signal)) end,
  tgkill = function(pid, signal) return C.syscall(TGKILL, int(pid), int(pid),
                                                  int(signal)) end,
}

--- kill UID [CALL PID SIGNAL]...
function acts.kill(uid, ...)
  become(uid)
  local words = { ... }
  for i = 1, #words, 3 do
    say(result(signallers[words[i]](tonumber(words[i + 1]), tonumber(words[i + 2]))))
  end
end

local function sleeping_thread(microseconds)
  local thread = ffi.new("unsigned long[1]")
  local start = ffi.cast("void *(*)(void *)", C.usleep)
  assert(C.pthread_create(thread, nil, start, ffi.cast("void *", microseconds)) == 0)
  return thread[0]
end

--- threads COUNT: makes them one after another and waits for the end of each.
function acts.threads(count)
  for _ = 1, tonumber(count) do C.pthread_join(sleeping_thread(1000), nil) end
  C._exit(0)
end

--- leader_first CODE: the first thread ends with this code, 0.2 s before the last one,
--- which ends the process.
function acts.leader_first(code)
  sleeping_thread(200000)
  C.syscall(EXIT, int(tonumber(code)))
end

--- How often this thread has been taken off a CPU.
local function switches() return require("tool").switches("thread-self") end

--- sleep COUNT MICROSECONDS: then prints how often it has been off a CPU so far.
function acts.sleep(count, microseconds)
  for _ = 1, tonumber(count) do C.usleep(tonumber(microseconds)) end
  say(switches())
end

--- spin SECONDS: the same after using a CPU.
function acts.spin(seconds)
  local stop = os.clock() + tonumber(seconds)
  while os.clock() < stop do end -- luacheck: ignore 542
  say(switches())
end

--- tcp UID ADDRESS PORT SENT WANTED: a connection that sends SENT bytes and reads WANTED;
--- prints its own port.
function acts.tcp(uid, address_, port, sent, wanted)
  become(uid)
  local client, err = require("net").client(address_, tonumber(port), 20)
  if not client then return say(-err) end
  say((select(2, client:name())))
  if tonumber(sent) > 0 then client:send(("x"):rep(tonumber(sent))) end
  local got = 0
  while got < tonumber(wanted) do
    local data = client:receive()
    if not data then break end -- reset
    got = got + #data
  end
  client:close()
end

say(C.getpid(), C.getppid())
acts[arg[1]](unpack(arg, 2))
