--- What specs of hooks on kernel functions share.
local ffi = require "ffi"
local bpf = require "bpf"
local harness = require "harness"
local support = require "support"

ffi.cdef "int getpgid(int pid);"

local M = {}

-- What every program begins with: only this process counts.
local PRELUDE = [[
  const volatile u32 target = 0;
  #define OURS() (bpf_get_current_pid_tgid() >> 32 == target)
]]

function M.load(text)
  return bpf.load { source = PRELUDE .. text, constants = { target = support.pid } }
end

--- Loads, calls `fn` with the object, and closes it, whatever happens.
function M.with(text, fn)
  local obj = M.load(text)
  local ok, err = pcall(fn, obj)
  obj:close()
  if not ok then error(err, 0) end
end

--- vfs_open and vfs_read of 100 bytes, `times` times.
function M.read_a_file(times)
  for _ = 1, times do
    local file = assert(io.open "/dev/zero")
    file:setvbuf "no"
    assert(#file:read(100) == 100)
    file:close()
  end
end

function M.getpgid(times)
  local result
  for _ = 1, times do result = ffi.C.getpgid(0) end
  return result
end

--- Loads a module; skips where the kernel has it built in, or not at all.
function M.needs_module(name)
  local result = support.sh(("modprobe %s; grep -q '\\[%s\\]' /proc/kallsyms")
                            :format(name, name))
  if result.code == 0 then return end
  harness.skip(("%s is no module here: %s"):format(name, result.err))
end

return M
