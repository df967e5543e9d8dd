-- What the keys and values of some kinds of maps stand for, beyond the bytes that BTF
-- describes: programs, other maps, control groups, files, processes, network prefixes.
local ffi = require "ffi"
local bit = require "bit"
local errors = require "bpf.errors"

local M = {}

-- Own names: a script may declare these with other parameter types.
ffi.cdef [[
int ebl_open(const char *path, int flags, ...) __asm__("open");
int ebl_close(int fd) __asm__("close");
long ebl_syscall(long number, ...) __asm__("syscall");
int ebl_pton(int family, const char *text, void *address) __asm__("inet_pton");
]]
local C = ffi.C

local O_PATH_DIRECTORY = bit.bor(0x200000, 0x10000)
local O_RDONLY = 0
local PIDFD_OPEN = 434
local AF_INET, AF_INET6 = 2, 10

--- A descriptor that lives until the next one takes its place: the kernel has taken its
--- own reference by then.
local function keeper()
  local held
  return function(fd, what)
    if fd < 0 then
      local message = ("cannot open %s (errno %d)"):format(what, ffi.errno())
      error(errors.new { stage = "read", code = "not_found", message = message }, 0)
    end
    held = ffi.gc(ffi.new("int[1]", fd), function(one) C.ebl_close(one[0]) end)
    return held[0]
  end
end

local function open_path(flags)
  local keep = keeper()
  return function(value)
    if type(value) ~= "string" then return value end
    return keep(C.ebl_open(value, ffi.new("int", flags)), value)
  end
end

local function process()
  local keep = keeper()
  return function(value)
    if type(value) ~= "number" then return value end
    local fd = C.ebl_syscall(PIDFD_OPEN, ffi.new("int", value), ffi.new("int", 0))
    return keep(tonumber(fd), "process " .. value)
  end
end

--- A thing with fd(): a bpf.Map or a bpf.Program.
local function thing(noun)
  return function()
    return function(value, where)
      if type(value) == "number" then return value end
      local method = type(value) == "table" and getmetatable(value)
      local fd = method and method.fd
      if not fd then
        errors.misuse(("%s: expected a %s, got a %s"):format(where, noun, type(value)))
      end
      return fd(value)
    end
  end
end

--- kind -> maker of the function that turns what a script writes into what BTF describes
M.keys = {
  inode_storage = function() return open_path(O_RDONLY) end,
  cgrp_storage = function() return open_path(O_RDONLY) end,
  task_storage = process,
}
M.values = {
  prog_array = thing "program",
  array_of_maps = thing "map",
  hash_of_maps = thing "map",
  cgroup_array = function() return open_path(O_PATH_DIRECTORY) end,
}

--- "10.0.0.0/8" or "fc00::/7" as the bytes of a prefix key of `size` bytes.
---@return string? bytes nil for anything that is no prefix of that size
function M.prefix_bytes(text, size)
  local address, bits = text:match("^([%x:.]+)/(%d+)$")
  address = address or text
  local length = size - 4
  local family = length == 4 and AF_INET or length == 16 and AF_INET6
  local out = ffi.new("uint8_t[16]")
  if not family or C.ebl_pton(family, address, out) ~= 1 then return nil end
  bits = tonumber(bits or length * 8)
  if bits > length * 8 then return nil end
  return ffi.string(ffi.new("uint32_t[1]", bits), 4) .. ffi.string(out, length)
end

--- Wraps the writer of keys or values of that kind.
---@param table_ table M.keys or M.values
---@param kind string
---@param codec bpf.Codec
function M.wrap(table_, kind, codec)
  local make = table_[kind]
  if make then
    local convert, write = make(), codec.write
    codec.write = function(address, value, where)
      return write(address, convert(value, where or "value"), where)
    end
  elseif table_ == M.keys and kind == "lpm_trie" then
    local write = codec.write
    codec.write = function(address, value, where)
      if type(value) ~= "string" then return write(address, value, where) end
      local bytes = M.prefix_bytes(value, codec.size)
      if not bytes then
        errors.misuse(("%s: '%s' is not a prefix of its %d bytes of address")
                      :format(where or "key", value, codec.size - 4),
                      'write "10.0.0.0/8" for IPv4, "fc00::/7" for IPv6')
      end
      ffi.copy(address, bytes, codec.size)
    end
  end
  return codec
end

return M
