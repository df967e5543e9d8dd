-- Sockets of 127.0.0.1 for the examples whose programs choose among sockets. None of
-- these calls waits.
local ffi = require "ffi"
local bit = require "bit"

ffi.cdef [[
typedef struct { uint16_t family; uint8_t port[2], address[4], zero[8]; } ipv4_address;
int socket(int family, int type, int protocol);
int bind(int fd, const void *address, unsigned int size);
int listen(int fd, int backlog);
int accept4(int fd, void *address, unsigned int *size, int flags);
int getsockname(int fd, void *address, unsigned int *size);
int getpeername(int fd, void *address, unsigned int *size);
int setsockopt(int fd, int level, int name, const void *value, unsigned int size);
long recv(int fd, void *data, size_t size, int flags);
]]
local C = ffi.C

local M = {}

local AF_INET, TCP, UDP, NONBLOCK = 2, 1, 2, 0x800
local SOL_SOCKET, SO_REUSEADDR, SO_REUSEPORT, MSG_DONTWAIT = 1, 2, 15, 0x40

local function bound(kind, port)
  local fd = C.socket(AF_INET, kind + NONBLOCK, 0)
  local one = ffi.new("int[1]", 1)
  C.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, one, 4)
  if kind == UDP then C.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, one, 4) end
  local address = ffi.new("ipv4_address", AF_INET,
                          { bit.rshift(port, 8), bit.band(port, 255) }, { 127, 0, 0, 1 })
  if C.bind(fd, address, 16) ~= 0 then error("cannot bind port " .. port, 0) end
  return fd
end

function M.listener(port)
  local fd = bound(TCP, port)
  C.listen(fd, 16)
  return fd
end

--- A UDP socket; several may have the same port.
function M.datagrams(port) return bound(UDP, port) end

--- The next connection's descriptor, or nil.
function M.accept(listener)
  local fd = C.accept4(listener, nil, nil, NONBLOCK)
  return fd >= 0 and fd or nil
end

local function port_by(call, fd)
  local address, size = ffi.new "ipv4_address", ffi.new("unsigned int[1]", 16)
  call(fd, address, size)
  return address.port[0] * 256 + address.port[1]
end

function M.own_port(fd) return port_by(C.getsockname, fd) end
function M.peer_port(fd) return port_by(C.getpeername, fd) end

--- What has arrived, or nil.
function M.receive(fd)
  local data = ffi.new "char[2048]"
  local size = tonumber(C.recv(fd, data, 2048, MSG_DONTWAIT))
  return size >= 0 and ffi.string(data, size) or nil
end

return M
