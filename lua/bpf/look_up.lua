-- Names for numbers: addresses, users, processes, errors, times.
local ffi = require "ffi"
local bit = require "bit"
local api = require "bpf.ffi_api"
local host = require "bpf.host"
local errors = require "bpf.errors"
local decode = require "bpf.decode"

ffi.cdef [[
const char *inet_ntop(int family, const void *address, char *text, uint32_t size);
struct ebl_passwd { char *name; char *password; uint32_t uid; uint32_t gid; };
struct ebl_passwd *getpwuid(uint32_t uid);
const char *sigabbrev_np(int signal);
]]
local C = ffi.C

local M = {}

local AF_INET, AF_INET6 = 2, 10
local FIRST_REAL_TIME = 34 -- glibc keeps the two before for itself

--- An IP address as text. Takes a number (IPv4 in network byte order, as the kernel's
--- structs hold it), or an array view or string of 4 or 16 bytes.
---@param address number|string|any
---@return string
function M.ntop(address)
  local bytes
  if type(address) == "number" then
    bytes = ffi.string(ffi.new("uint32_t[1]", address), 4)
  elseif type(address) == "string" then
    bytes = address
  else
    local parts = {}
    for i = 1, #address do parts[i] = string.char(address[i]) end
    bytes = table.concat(parts)
  end
  if #bytes ~= 4 and #bytes ~= 16 then
    errors.misuse(("bpf.ntop takes 4 or 16 bytes, got %d"):format(#bytes))
  end
  local text = ffi.new("char[46]")
  C.inet_ntop(#bytes == 4 and AF_INET or AF_INET6, bytes, text, 46)
  return ffi.string(text)
end

--- The name and the text of an errno value, positive or negative.
---@param number integer
---@return string name "ENOENT"
---@return string text "No such file or directory"
M.errno = errors.errno

--- A signal's name without "SIG": "KILL"; of a real-time signal "RTMIN+2".
---@param number integer
---@return string
function M.signal_name(number)
  local name = C.sigabbrev_np(number)
  if name ~= nil then return ffi.string(name) end
  return number >= FIRST_REAL_TIME and ("RTMIN+%d"):format(number - FIRST_REAL_TIME)
         or tostring(number)
end

local syscall_names

--- A system call's name; "[N]" for a number that has none.
---@param number integer
---@return string
function M.syscall_name(number)
  syscall_names = syscall_names or require "bpf.syscall_names"
  return syscall_names[number] or ("[%d]"):format(number)
end

--- All system calls of this architecture, by number.
---@return {number: integer, syscall: string}[]
function M.syscalls()
  syscall_names = syscall_names or require "bpf.syscall_names"
  local list = {}
  for number, name in pairs(syscall_names) do
    list[#list + 1] = { number = number, syscall = name }
  end
  table.sort(list, function(a, b) return a.number < b.number end)
  return list
end

--- The number of a system call, or nil.
---@param name string
---@return integer?
function M.syscall_number(name)
  for _, entry in ipairs(M.syscalls()) do
    if entry.syscall == name then return entry.number end
  end
  return nil
end

--- The login name of a user id; the id as text where there is none.
---@param uid integer
---@return string
function M.user(uid)
  local entry = C.getpwuid(uid)
  return entry ~= nil and ffi.string(entry.name) or tostring(uid)
end

--- The command name of a running process, or nil when it is gone.
---@param pid integer
---@return string?
function M.comm(pid)
  local file = io.open(("/proc/%d/comm"):format(pid))
  if not file then return nil end
  local name = file:read("*l")
  file:close()
  return name
end

--- Wall-clock time of a bpf_ktime_get_ns() value.
---@param ktime number|ffi.cdata* nanoseconds
---@param format string? of os.date, default "%H:%M:%S"
---@return string
function M.time(ktime, format)
  local wall = tonumber(ktime) + tonumber(api.ebl_boot_offset_ns())
  return tostring(os.date(format or "%H:%M:%S", math.floor(wall / 1e9)))
end

local function kernel_symbol(address)
  local name, offset, module = host.ksym(bit.tohex(ffi.cast("uint64_t", address)))
  if not name and offset then error(offset, 0) end
  return name, offset, module
end

--- The kernel's symbol at an address in parts, or nil where there is none.
---@param address number|ffi.cdata*
---@return {name: string, offset: integer, module: string}?
function M.kernel_symbol(address)
  local name, offset, module = kernel_symbol(address)
  return name and { name = name, offset = offset, module = module } or nil
end

--- The kernel's symbol at an address: "tcp_v4_rcv+0x1c", or nil where there is none.
---@param address number|ffi.cdata*
---@param plain boolean? without the offset
---@return string?
function M.ksym(address, plain)
  local name, offset, module = kernel_symbol(address)
  if not name then return nil end
  if not plain and offset > 0 then name = ("%s+0x%x"):format(name, offset) end
  return module ~= "" and ("%s [%s]"):format(name, module) or name
end

local user_symbols

--- The symbol of an address in a process.
---@param pid integer
---@param address number|ffi.cdata*
---@param lines boolean? also file and line, from debug information
---@return {name: string, offset: integer, module: string, file: string?, line: integer?}?
---@return bpf.Error? err
function M.usym(pid, address, lines)
  user_symbols = user_symbols or host.user_symbols()
  return user_symbols:resolve(pid, bit.tohex(ffi.cast("uint64_t", address)), lines)
end

--- The kernel's own types.
M.btf = {}

--- A type of the kernel by name ("task_struct", "enum skb_drop_reason") as a plain table:
--- {kind, name, size, fields = {{name, type, offset in bits, bits?}}, values = {{name,
--- value}}}.
---@param name string
---@return table
function M.btf.type(name)
  local layout = errors.check(host.kernel_layout(name))
  return decode.new(layout.types):type(layout.root)
end

--- A type of the kernel and all that it is made of as C text; without a name all types,
--- megabytes of them.
---@param name string? of a struct, union, enum or typedef
---@return string
function M.btf.dump(name)
  if name ~= nil and type(name) ~= "string" then
    errors.misuse("bpf.btf.dump takes the name of a type")
  end
  local plain = (name or ""):match "^%a+ ([%w_]+)$" or name or ""
  return errors.check(host.kernel_types_as_c(plain))
end

--- A copy of an event that outlives its handler, also where the event has a field `copy`.
M.copy = decode.copy

--- Values of the kernel's enumerators by name: bpf.enum.TCP_ESTABLISHED.
M.enum = setmetatable({}, { __index = function(self, name)
  local value = errors.check(host.kernel_enumerator(name))
  rawset(self, name, tonumber(value))
  return self[name]
end })

return M
