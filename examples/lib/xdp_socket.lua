-- An AF_XDP socket that receives, by copies: a memory of frames, a ring in which the
-- kernel finds empty ones and a ring in which it hands over the full ones.
local ffi = require "ffi"

ffi.cdef [[
typedef struct { uint64_t producer, consumer, entries, flags; } xdp_ring_offsets;
typedef struct { xdp_ring_offsets rx, tx, fill, completion; } xdp_offsets;
typedef struct {
  uint64_t memory, size;
  uint32_t frame, headroom, flags, zero;
} xdp_memory;
typedef struct { uint16_t family, flags; uint32_t interface, queue, shared; } xdp_address;
typedef struct { uint64_t address; uint32_t length, options; } xdp_descriptor;
unsigned int if_nametoindex(const char *name);
int socket(int family, int type, int protocol);
int bind(int fd, const void *address, unsigned int size);
int setsockopt(int fd, int level, int name, const void *value, unsigned int size);
int getsockopt(int fd, int level, int name, void *value, unsigned int *size);
void *mmap(void *at, size_t size, int protection, int flags, int fd, int64_t offset);
]]
local C = ffi.C

local AF_XDP, SOCK_RAW, SOL_XDP = 44, 3, 283
local OFFSETS, RX_RING, UMEM_REG, FILL_RING, COMPLETION_RING = 1, 2, 4, 5, 6
local FILL_AT, XDP_COPY = 0x100000000, 2
local READ_WRITE, SHARED, ANONYMOUS = 3, 1, 0x22
local FRAME, FRAMES = 2048, 64

local M = {}

local Socket = {}
Socket.__index = Socket

local function check(result, what)
  if result < 0 then error(("%s failed (errno %d)"):format(what, ffi.errno()), 0) end
  return result
end

--- A ring as {producer, consumer, entries}: pointers into the memory of the socket.
local function ring(fd, at, offsets, type)
  local size = tonumber(offsets.entries) + FRAMES * ffi.sizeof(type)
  local memory = C.mmap(nil, size, READ_WRITE, SHARED, fd, at)
  check(tonumber(ffi.cast("intptr_t", memory)), "mmap of a ring")
  local bytes = ffi.cast("uint8_t *", memory)
  return { producer = ffi.cast("volatile uint32_t *", bytes + offsets.producer),
           consumer = ffi.cast("volatile uint32_t *", bytes + offsets.consumer),
           entries = ffi.cast(type .. " *", bytes + offsets.entries) }
end

--- A socket for one queue of an interface. Its descriptor, `fd`, goes into an xskmap.
---@param interface string
---@param queue integer
function M.open(interface, queue)
  local fd = check(C.socket(AF_XDP, SOCK_RAW, 0), "an AF_XDP socket")
  local memory = C.mmap(nil, FRAME * FRAMES, READ_WRITE, ANONYMOUS, -1, 0)
  local registration = ffi.new("xdp_memory", ffi.cast("uintptr_t", memory),
                               FRAME * FRAMES, FRAME)
  check(C.setsockopt(fd, SOL_XDP, UMEM_REG, registration, 32), "its memory")
  local size = ffi.new("int[1]", FRAMES)
  for _, name in ipairs { RX_RING, FILL_RING, COMPLETION_RING } do
    check(C.setsockopt(fd, SOL_XDP, name, size, 4), "a ring")
  end
  local offsets, length = ffi.new "xdp_offsets", ffi.new("unsigned int[1]", 128)
  check(C.getsockopt(fd, SOL_XDP, OFFSETS, offsets, length), "the rings' offsets")
  local self = setmetatable({ fd = fd, memory = ffi.cast("uint8_t *", memory),
                              rx = ring(fd, 0, offsets.rx, "xdp_descriptor"),
                              fill = ring(fd, FILL_AT, offsets.fill, "uint64_t") },
                            Socket)
  for i = 0, FRAMES - 1 do self.fill.entries[i] = i * FRAME end
  self.fill.producer[0] = FRAMES
  local address = ffi.new("xdp_address", AF_XDP, XDP_COPY, C.if_nametoindex(interface),
                          queue)
  check(C.bind(fd, address, 16), "bind to " .. interface)
  return self
end

--- The next frame as a string, or nil.
function Socket:receive()
  local rx, fill = self.rx, self.fill
  local place = rx.consumer[0]
  if place == rx.producer[0] then return nil end
  local entry = rx.entries[place % FRAMES]
  local frame = ffi.string(self.memory + entry.address, entry.length)
  local free = fill.producer[0]
  fill.entries[free % FRAMES] = entry.address - entry.address % FRAME
  fill.producer[0] = free + 1
  rx.consumer[0] = place + 1
  return frame
end

return M
