--- Sockets and network namespaces for specs, by FFI: this process itself enters a
--- namespace that the test made, so that programs attach there and packets flow there.
local ffi = require "ffi"
local bit = require "bit"
local support = require "support"

ffi.cdef [[
typedef struct { uint16_t family, port; uint8_t rest[124]; } ebl_net_address;
struct ebl_net_timeval { long seconds, microseconds; };
int unshare(int flags);
int setns(int fd, int type);
int open(const char *path, int flags, ...);
int close(int fd);
int socket(int family, int type, int protocol);
int bind(int fd, const void *address, uint32_t size);
int listen(int fd, int backlog);
int accept(int fd, void *address, uint32_t *size);
int connect(int fd, const void *address, uint32_t size);
int getsockname(int fd, void *address, uint32_t *size);
int getpeername(int fd, void *address, uint32_t *size);
int getsockopt(int fd, int level, int name, void *value, uint32_t *size);
int setsockopt(int fd, int level, int name, const void *value, uint32_t size);
long send(int fd, const void *data, size_t size, int flags);
long sendto(int fd, const void *data, size_t size, int flags, const void *to,
            uint32_t length);
long recv(int fd, void *data, size_t size, int flags);
long recvfrom(int fd, void *data, size_t size, int flags, void *from, uint32_t *length);
int inet_pton(int family, const char *text, void *address);
const char *inet_ntop(int family, const void *address, char *text, uint32_t size);
]]
local C = ffi.C

local M = { TCP = 1, UDP = 2, SOL_SOCKET = 1 }

local CLONE_NEWNET = 0x40000000
local AF_INET, AF_INET6 = 2, 10
local SO_RCVTIMEO, SO_SNDTIMEO, SO_REUSEADDR, SO_REUSEPORT = 20, 21, 2, 15

local function int(n) return ffi.new("int", n) end

--- Calls `fn` in a network namespace of its own with lo up; leaves it afterwards.
---@param setup string? shell commands to run in there first
function M.in_namespace(setup, fn)
  local home = C.open("/proc/self/ns/net", int(0))
  assert(home >= 0 and C.unshare(CLONE_NEWNET) == 0, "unshare")
  local ok, err = xpcall(function()
    local result = support.sh("set -e; ip link set lo up; " .. (setup or ""))
    assert(result.code == 0, result.err)
    fn()
  end, function(e) return type(e) == "table" and e or debug.traceback(tostring(e), 2) end)
  assert(C.setns(home, CLONE_NEWNET) == 0, "setns")
  C.close(home)
  if not ok then error(err, 0) end
end

--- A port from or to network byte order.
local function swapped(port)
  return bit.bor(bit.lshift(bit.band(port, 255), 8), bit.rshift(port, 8))
end

local function address(text, port)
  local is_ipv6 = text:find(":", 1, true) ~= nil
  local value = ffi.new("ebl_net_address")
  value.family = is_ipv6 and AF_INET6 or AF_INET
  value.port = swapped(port)
  assert(C.inet_pton(value.family, text, value.rest + (is_ipv6 and 4 or 0)) == 1, text)
  return value, is_ipv6 and 28 or 16
end

local function shown(value)
  local text = ffi.new("char[64]")
  local at = value.rest + (value.family == AF_INET6 and 4 or 0)
  if C.inet_ntop(value.family, at, text, 64) == nil then return nil end
  return ffi.string(text), swapped(value.port)
end

---@class Socket
---@field fd integer
local Socket = {}
Socket.__index = Socket

--- The result of a call: what it gave, or nil and the errno.
local function outcome(result)
  result = tonumber(result)
  if result < 0 then return nil, ffi.errno() end
  return result
end

--- A struct timeval.
function M.seconds(count)
  return ffi.new("struct ebl_net_timeval", math.floor(count), (count % 1) * 1e6)
end

local function wrap(fd, patience)
  local self = setmetatable({ fd = fd }, Socket)
  local wait = M.seconds(patience or 2)
  self:set(M.SOL_SOCKET, SO_RCVTIMEO, wait)
  self:set(M.SOL_SOCKET, SO_SNDTIMEO, wait)
  return self
end

--- A socket that waits for at most `patience` seconds (2). nil and errno when refused.
---@param kind integer M.TCP or M.UDP
---@param family integer? 4 (default) or 6
function M.socket(kind, family, patience)
  local fd, err = outcome(C.socket(family == 6 and AF_INET6 or AF_INET, kind, 0))
  if not fd then return nil, err end
  return wrap(fd, patience)
end

function Socket:set(level, name, value)
  if type(value) == "number" then value = ffi.new("int[1]", value) end
  return outcome(C.setsockopt(self.fd, level, name, value, ffi.sizeof(value)))
end

function Socket:get(level, name)
  local value, size = ffi.new("int[1]"), ffi.new("uint32_t[1]", 4)
  local done, err = outcome(C.getsockopt(self.fd, level, name, value, size))
  if not done then return nil, err end
  return value[0]
end

function Socket:bind(text, port)
  self:set(M.SOL_SOCKET, SO_REUSEADDR, 1)
  return outcome(C.bind(self.fd, address(text, port)))
end

function Socket:share_port()
  return self:set(M.SOL_SOCKET, SO_REUSEPORT, 1)
end

function Socket:listen(backlog)
  return outcome(C.listen(self.fd, backlog or 16))
end

function Socket:accept()
  local fd, err = outcome(C.accept(self.fd, nil, nil))
  if not fd then return nil, err end
  return wrap(fd)
end

function Socket:connect(text, port)
  return outcome(C.connect(self.fd, address(text, port)))
end

local function name_by(call, self)
  local value, size = ffi.new("ebl_net_address"), ffi.new("uint32_t[1]", 128)
  local done, err = outcome(call(self.fd, value, size))
  if not done then return nil, err end
  return shown(value)
end

--- Its own address and port.
function Socket:name() return name_by(C.getsockname, self) end
--- The other side's.
function Socket:peer() return name_by(C.getpeername, self) end

local MSG_NOSIGNAL = 0x4000

function Socket:send(data, text, port)
  if text then
    local to, length = address(text, port)
    return outcome(C.sendto(self.fd, data, #data, MSG_NOSIGNAL, to, length))
  end
  return outcome(C.send(self.fd, data, #data, MSG_NOSIGNAL))
end

--- What arrives, and from where; nil and the errno (11: nothing in time).
function Socket:receive(size)
  local data = ffi.new("char[?]", size or 65536)
  local from, length = ffi.new("ebl_net_address"), ffi.new("uint32_t[1]", 128)
  local count, err = outcome(C.recvfrom(self.fd, data, size or 65536, 0, from, length))
  if not count then return nil, err end
  return ffi.string(data, count), shown(from)
end

function Socket:close()
  if self.fd then C.close(self.fd) end
  self.fd = nil
end

--- A TCP listener, or nil and the errno.
function M.listener(text, port)
  local family = text:find(":", 1, true) and 6 or 4
  local self = assert(M.socket(M.TCP, family))
  local done, err = self:bind(text, port)
  if not done then return nil, err end
  assert(self:listen())
  return self
end

--- A TCP client that is connected, or nil and the errno.
function M.client(text, port, patience)
  local family = text:find(":", 1, true) and 6 or 4
  local self, err = M.socket(M.TCP, family, patience)
  if not self then return nil, err end
  local done
  done, err = self:connect(text, port)
  if not done then
    self:close()
    return nil, err
  end
  return self
end

--- Addresses whose packets leave by the first device of M.netkit_up's pair, and by its
--- peer.
M.THROUGH_PRIMARY, M.THROUGH_PEER = "2001:db8::2", "2001:db8:1::2"

--- Sets both ends of a netkit pair up, in one namespace. The kernel has named the peer:
--- nk0, or the next that is free.
---@param primary string
function M.netkit_up(primary)
  local peer = assert(support.sh("ip -o link show type netkit").out:match "(nk%d+)@")
  local done = support.sh(([[
    set -e
    ip addr add 2001:db8::1/64 dev %s nodad
    ip addr add 2001:db8:1::1/64 dev %s nodad
    ip link set %s up
    ip link set %s up
  ]]):format(primary, peer, primary, peer))
  assert(done.code == 0, done.err)
end

--- A stream socket of the file system: `call` is bind or connect.
local function unix(path, call)
  local fd = assert(outcome(C.socket(1, M.TCP, 0)))
  local value = ffi.new("ebl_net_address", 1)
  ffi.copy(ffi.cast("char *", value) + 2, path)
  local self = wrap(fd)
  local done, err = outcome(call(fd, value, 3 + #path))
  if done then return self end
  self:close()
  return nil, err
end

function M.unix_listener(path)
  local self, err = unix(path, C.bind)
  if self then assert(self:listen()) end
  return self, err
end

function M.unix_client(path)
  return unix(path, C.connect)
end

--- A UDP socket bound to an address.
function M.datagrams(text, port, patience)
  local self = assert(M.socket(M.UDP, text:find(":", 1, true) and 6 or 4, patience))
  assert(self:bind(text, port))
  return self
end

return M
