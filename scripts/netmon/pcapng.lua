-- A pcapng file of IP packets: a section header, a description of each interface when its
-- first packet comes, and a block for each packet with its process as the comment.
-- Numbers are in the machine's own order, which the section header tells.
local ffi = require "ffi"

local M = {}

local SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6
local BYTE_ORDER, ANY_LENGTH = 0x1A2B3C4D, 0xffffffff
local LINK_RAW = 101 -- a packet begins with its IP header
local COMMENT, APPLICATION, NAME, FLAGS, RESOLUTION = 1, 4, 2, 2, 9
local INBOUND, OUTBOUND = 1, 2
local NANOSECONDS = "\9" -- the resolution as a power of ten

local function words(...)
  local count = select("#", ...)
  return ffi.string(ffi.new("uint32_t[?]", count, ...), count * 4)
end

local function shorts(...)
  local count = select("#", ...)
  return ffi.string(ffi.new("uint16_t[?]", count, ...), count * 2)
end

local function padded(bytes)
  return bytes .. ("\0"):rep(-#bytes % 4)
end

local function option(code, bytes)
  return shorts(code, #bytes) .. padded(bytes)
end

local function block(kind, body)
  local length = 12 + #body
  return words(kind, length) .. body .. words(length)
end

---@class netmon.Pcapng
---@field packets integer how many were written
local File = {}
File.__index = File

--- Creates the file, or replaces what is there.
---@param path string
---@param snap integer the most bytes of a packet
---@return netmon.Pcapng?
---@return string? err
function M.create(path, snap)
  local file, err = io.open(path, "wb")
  if not file then return nil, err end
  local self = setmetatable({ file = file, path = path, snap = snap, packets = 0,
                              interfaces = {}, count = 0 }, File)
  self:put(block(SECTION, words(BYTE_ORDER) .. shorts(1, 0)
                          .. words(ANY_LENGTH, ANY_LENGTH)
                          .. option(APPLICATION, "ebpf-lua netmon") .. option(0, "")))
  return self
end

function File:put(bytes)
  local ok, err = self.file:write(bytes)
  if not ok then error(("cannot write %s: %s"):format(self.path, err), 0) end
end

--- The number of an interface in this file.
function File:interface(name)
  local number = self.interfaces[name]
  if number then return number end
  number = self.count
  self.interfaces[name], self.count = number, number + 1
  self:put(block(INTERFACE, shorts(LINK_RAW, 0) .. words(self.snap) .. option(NAME, name)
                            .. option(RESOLUTION, NANOSECONDS) .. option(0, "")))
  return number
end

--- Adds a packet.
---@param packet {interface: string, time: ffi.cdata*, length: integer, bytes: string,
---sent: boolean, comment: string?} time: an uint64_t, nanoseconds since 1970
function File:add(packet)
  local number = self:interface(packet.interface)
  local low = tonumber(packet.time % 2 ^ 32ULL)
  local high = tonumber(packet.time / 2 ^ 32ULL)
  local options = option(FLAGS, words(packet.sent and OUTBOUND or INBOUND))
  if packet.comment then options = option(COMMENT, packet.comment) .. options end
  self:put(block(PACKET, words(number, high, low, #packet.bytes, packet.length)
                         .. padded(packet.bytes) .. options .. option(0, "")))
  self.packets = self.packets + 1
end

function File:flush()
  if not self.file:flush() then error("cannot write " .. self.path, 0) end
end

function File:close()
  self:flush()
  self.file:close()
end

return M
