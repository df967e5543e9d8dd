--- What the kernel holds, by raw bpf(2): programs and links. There may be no bpftool.
local ffi = require "ffi"

ffi.cdef [[
long syscall(long number, ...);
struct test_bpf_id { uint32_t start, next, flags, pad; };
struct test_bpf_info { uint32_t fd, size; uint64_t info; };
int close(int fd);
]]
local C = ffi.C

local M = {}

local SYS_BPF = ({ x64 = 321, arm64 = 280 })[ffi.arch]
local PROGRAM = { next = 11, open = 13 }
local LINK = { next = 31, open = 30 }
local INFO_BY_FD = 15
local NAME_AT, NAME_SIZE = 64, 16 -- in struct bpf_prog_info
local PROGRAM_AT = 8              -- in struct bpf_link_info

local function ids(command)
  local request, list = ffi.new("struct test_bpf_id"), {}
  while C.syscall(SYS_BPF, ffi.cast("long", command), request,
                  ffi.cast("long", ffi.sizeof(request))) == 0 do
    list[request.next] = true
    request.start = request.next
  end
  return list
end

--- The first bytes of what the kernel says of a program or link; nil when it has gone.
local function info_of(kind, id)
  local request = ffi.new("struct test_bpf_id", id)
  local fd = C.syscall(SYS_BPF, ffi.cast("long", kind.open), request,
                       ffi.cast("long", ffi.sizeof(request)))
  if fd < 0 then return nil end
  local info = ffi.new("uint8_t[256]")
  local question = ffi.new("struct test_bpf_info", tonumber(fd), 256,
                           ffi.cast("uintptr_t", info))
  local done = C.syscall(SYS_BPF, ffi.cast("long", INFO_BY_FD), question,
                         ffi.cast("long", ffi.sizeof(question)))
  C.close(tonumber(fd))
  return done == 0 and info or nil
end

local function name_of(id)
  local info = info_of(PROGRAM, id)
  return info and ffi.string(info + NAME_AT, NAME_SIZE):match("^%Z*")
end

--- How many programs of this name are loaded.
---@param name string at most 15 bytes, as the kernel keeps them
function M.programs(name)
  local count = 0
  for id in pairs(ids(PROGRAM.next)) do
    if name_of(id) == name then count = count + 1 end
  end
  return count
end

--- How many links programs of this name have.
function M.links(name)
  local count = 0
  for id in pairs(ids(LINK.next)) do
    local info = info_of(LINK, id)
    local owner = info and ffi.cast("uint32_t *", info + PROGRAM_AT)[0]
    if owner and name_of(owner) == name then count = count + 1 end
  end
  return count
end

return M
