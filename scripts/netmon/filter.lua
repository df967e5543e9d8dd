-- What netmon shows: the filters of its command line, and their form in the kernel's map.
local bpf = require "bpf"
local ffi = require "ffi"
local bit = require "bit"

ffi.cdef [[
int inet_pton(int family, const char *text, void *address);
unsigned int if_nametoindex(const char *name);
long readlink(const char *path, char *text, size_t size);
]]
local C = ffi.C

local M = {}

local AF_INET, AF_INET6 = 2, 10
local ANY_PROTOCOL = 256
local PROTOCOLS = { icmp = 1, igmp = 2, tcp = 6, udp = 17, dccp = 33, gre = 47, esp = 50,
                    icmp6 = 58, sctp = 132 }
local PROTOCOL_NAMES = {}
for name, number in pairs(PROTOCOLS) do PROTOCOL_NAMES[number] = name:upper() end

function M.protocol_name(number)
  return PROTOCOL_NAMES[number] or tostring(number)
end

function M.protocol(text)
  local number = PROTOCOLS[text:lower()] or tonumber(text)
  if number and number >= 0 and number <= 255 and number == math.floor(number) then
    return number
  end
  return nil, ("'%s' is no protocol: tcp, udp, icmp, icmp6 or a number"):format(text)
end

function M.port(text)
  local number = tonumber(text)
  if number and number >= 1 and number <= 65535 and number == math.floor(number) then
    return number
  end
  return nil, ("'%s' is no port"):format(text)
end

function M.interface(name)
  local index = C.if_nametoindex(name)
  if index ~= 0 then return { name = name, index = index } end
  local names = {}
  for line in io.lines("/proc/net/dev") do
    names[#names + 1] = line:match("^%s*([^:%s]+):")
  end
  return nil, ("no interface '%s' in this network namespace: it has %s")
    :format(name, table.concat(names, ", "))
end

--- "10.0.0.0/8" or "fe80::1" -> {text, words, mask}: four 32-bit words as they lie in
--- memory.
function M.address(text)
  local host, prefix = text:match("^([^/]+)/?(%d*)$")
  local bytes = ffi.new("uint8_t[16]")
  local bits
  if host and C.inet_pton(AF_INET, host, bytes + 12) == 1 then
    bytes[10], bytes[11] = 0xff, 0xff
    bits = prefix == "" and 32 or tonumber(prefix)
    bits = bits <= 32 and bits + 96
  elseif host and C.inet_pton(AF_INET6, host, bytes) == 1 then
    bits = prefix == "" and 128 or tonumber(prefix)
    bits = bits <= 128 and bits
  end
  if not bits then return nil, ("'%s' is no IP address or prefix"):format(text) end
  local mask = ffi.new("uint8_t[16]")
  for i = 0, 15 do
    local set = math.max(0, math.min(8, bits - i * 8))
    mask[i] = bit.band(bit.lshift(0xff, 8 - set), 0xff)
  end
  local function words(from)
    local list, as_words = {}, ffi.cast("const uint32_t *", from)
    for i = 0, 3 do list[i + 1] = as_words[i] end
    return list
  end
  return { text = text, words = words(bytes), mask = words(mask) }
end

--- The number of this process's network namespace, as the kernel's struct net has it.
local function network_namespace()
  local text = ffi.new("char[64]")
  local length = C.readlink("/proc/self/ns/net", text, 64) -- "net:[4026531840]"
  return tonumber(ffi.string(text, math.max(0, tonumber(length))):match("%[(%d+)%]"))
end

--- Names of drop reasons by number; empty on kernels before 5.17, which have none.
function M.drop_reasons()
  local known, type = pcall(bpf.btf.type, "enum skb_drop_reason")
  local names = {}
  if not known then return names end
  for _, entry in ipairs(type.values) do
    names[entry.value] = entry.name:gsub("^SKB_DROP_REASON_", ""):gsub("^SKB_", "")
  end
  return names
end

local Filter = {}
Filter.__index = Filter

function M.new(args)
  return setmetatable({ iface = args.iface, src = args.src, dst = args.dst,
                        proto = args.proto, port = args.port }, Filter)
end

--- The value of the map `config`.
function Filter:config()
  local zeros = { 0, 0, 0, 0 }
  local function words(address, part)
    return { word = address and address[part] or zeros }
  end
  return {
    src = words(self.src, "words"), src_mask = words(self.src, "mask"),
    dst = words(self.dst, "words"), dst_mask = words(self.dst, "mask"),
    ifindex = self.iface and self.iface.index or 0,
    netns = self.iface and network_namespace() or 0,
    protocol = self.proto or ANY_PROTOCOL, port = self.port or 0,
  }
end

local READERS = { iface = M.interface, src = M.address, dst = M.address,
                  proto = M.protocol, port = M.port }

--- Applies a typed line: "port 53", "port any", "clear". Returns true, or nil and why
--- not.
function Filter:change(line)
  local key, value = line:match("^%s*(%S+)%s*(%S*)%s*$")
  if key == "clear" then
    for name in pairs(READERS) do self[name] = nil end
    return true
  end
  local read = READERS[key or ""]
  if not read or value == "" then
    return nil, "type one of: iface NAME, src ADDRESS, dst ADDRESS, proto NAME, "
      .. "port NUMBER (or any), clear"
  end
  if value == "any" then
    self[key] = nil
    return true
  end
  local new, why = read(value)
  if not new then return nil, why end
  self[key] = new
  return true
end

function Filter:describe()
  local parts = {}
  if self.iface then parts[#parts + 1] = "iface " .. self.iface.name end
  if self.src then parts[#parts + 1] = "src " .. self.src.text end
  if self.dst then parts[#parts + 1] = "dst " .. self.dst.text end
  if self.proto then
    parts[#parts + 1] = "proto " .. M.protocol_name(self.proto):lower()
  end
  if self.port then parts[#parts + 1] = "port " .. self.port end
  return #parts > 0 and table.concat(parts, ", ") or "none"
end

return M
