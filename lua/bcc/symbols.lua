-- Names of addresses, as BCC's scripts ask for them.
local ffi = require "ffi"
local bit = require "bit"
local host = require "bpf.host"
local errors = require "bpf.errors"
local class = require "bcc.class"

local M = {}

local UNKNOWN = "[unknown]"

local user -- the cache of processes, made at the first look-up

local function hex(address)
  return bit.tohex(ffi.cast("uint64_t", address))
end

local function in_process(pid, address)
  user = user or host.user_symbols()
  return user:resolve(pid, hex(address), false)
end

local function in_kernel(address)
  local name, offset, module = host.ksym(hex(address))
  if name then return { name = name, offset = offset, module = module } end
  if offset then error(offset, 0) end -- an error: kptr_restrict
  return nil
end

---@param pid integer? nil or negative: the kernel
local function find(pid, address)
  if pid and pid >= 0 then return (in_process(pid, address)) end
  return in_kernel(address)
end

---@class bcc.SymbolCache
local SymbolCache = class.new("SymbolCache")

function SymbolCache:initialize(pid) self.pid = pid end

--- The name of the symbol at an address and the distance from its start.
---@return string name "[unknown]" where there is none
---@return integer offset
function SymbolCache:resolve(address)
  local found = find(self.pid, address)
  if not found or not found.name or found.name == "" then return UNKNOWN, 0 end
  return found.name, found.offset
end

--- "name+0x1f"
function SymbolCache:lookup(address)
  local name, offset = self:resolve(address)
  return offset > 0 and ("%s+0x%x"):format(name, offset) or name
end

--- Looks at the process again: it may have loaded libraries.
function SymbolCache:refresh()
  if user and self.pid then user:forget(self.pid) end
end

M.SymbolCache = SymbolCache

---@param pid integer? default: the kernel
function M.cache(pid) return SymbolCache:new(pid) end

local function shown(found, show_module, show_offset)
  if not found or not found.name or found.name == "" then
    if found and found.module and show_module then
      return ("%s [%s]"):format(UNKNOWN, found.module:match "[^/]*$")
    end
    return UNKNOWN
  end
  local text = found.name
  if show_offset then text = ("%s+0x%x"):format(text, found.offset) end
  if show_module then
    local module = found.module and found.module:match "[^/]*$"
    text = ("%s [%s]"):format(text, module and module ~= "" and module or "kernel")
  end
  return text
end

--- The name of an address of a process (or of the kernel, for a negative pid).
---@param address number|ffi.cdata*
---@param pid integer
---@param show_module boolean?
---@param show_offset boolean?
---@return string
function M.sym(address, pid, show_module, show_offset)
  return shown(find(pid, address), show_module, show_offset)
end

--- The name of a kernel address.
function M.ksym(address, show_module, show_offset)
  return shown(in_kernel(address), show_module, show_offset)
end

--- The address of a kernel symbol, or -1.
---@param name string
---@return number|ffi.cdata*
function M.ksymname(name)
  local address, err = host.ksym_address(name)
  if not address then
    if err then error(err, 0) end
    return -1
  end
  return ffi.cast("uint64_t", assert(loadstring("return 0x" .. address .. "ULL"))())
end

--- The path of a library ("c", "libssl") or program, or nil.
---@param name string
---@return string?
function M.find_library(name)
  for _, candidate in ipairs { "lib" .. name, name } do
    local path = host.find_binary(candidate)
    if path then return path end
  end
  return nil
end

--- The path of a program or library as attach_uprobe takes it: "c" is libc.
---@param name string
---@return string
function M.binary(name)
  if name:find("/", 1, true) then return name end
  return M.find_library(name) or errors.check(host.find_binary(name))
end

return M
