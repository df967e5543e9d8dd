-- Frames of stacks: addresses that know their names when they are asked for them.
local bit = require "bit"
local ffi = require "ffi"
local look_up = require "bpf.look_up"

local M = {}

---@class bpf.Frame
---@field address number|ffi.cdata*
---@field name string the function; where it has no name "[FILE]", or "[unknown]"
---@field offset integer? from the function's start
---@field module string? the file; of the kernel "" or the module
---@field file string? source file, where there is debug information
---@field line integer?

local Frame = {}

local UNKNOWN = { name = "[unknown]" }

--- Where to look: all but the innermost frame are return addresses, and what they stand
--- for is the call before.
local function place_of(frame)
  return frame.is_return and frame.address - 1 or frame.address
end

local function in_kernel(frame)
  return look_up.kernel_symbol(place_of(frame)) or UNKNOWN
end

local function in_process(frame, lines)
  local found = look_up.usym(frame.pid, place_of(frame), lines)
  if not found then return UNKNOWN end
  if found.name == "" then
    found.name = ("[%s]"):format(found.module:match("[^/]*$"))
  end
  return found
end

local NAMED = { name = true, offset = true, module = true }
local IN_SOURCE = { file = true, line = true }

function Frame.__index(self, key)
  local pid = rawget(self, "pid")
  if NAMED[key] and not rawget(self, "name") then
    local found = pid and in_process(self, false) or in_kernel(self)
    rawset(self, "name", found.name)
    rawset(self, "module", found.module)
    if found.offset then
      rawset(self, "offset", found.offset + (self.is_return and 1 or 0))
    end
    return rawget(self, key)
  elseif IN_SOURCE[key] and pid and not rawget(self, "read_lines") then
    local found = in_process(self, true)
    rawset(self, "read_lines", true)
    rawset(self, "file", found.file)
    rawset(self, "line", found.line)
    return rawget(self, key)
  end
  return nil
end

--- "main+0x1c", of a kernel module "nf_hook+0x1 [nf_tables]"; without a name the address.
function Frame:__tostring()
  if self.name == "[unknown]" then
    return "0x" .. bit.tohex(ffi.cast("uint64_t", self.address)):gsub("^0+(.)", "%1")
  end
  local text = self.name
  if self.offset and self.offset > 0 then text = ("%s+0x%x"):format(text, self.offset) end
  local of_kernel = not rawget(self, "pid") and self.module ~= ""
  return of_kernel and ("%s [%s]"):format(text, self.module) or text
end

--- Frames of addresses.
---@param addresses (number|ffi.cdata*)[] innermost first
---@param pid integer? the process; nil: the kernel
---@return bpf.Frame[]
function M.of(addresses, pid)
  local frames = {}
  for i, address in ipairs(addresses) do
    frames[i] = setmetatable({ address = address, pid = pid, is_return = i > 1 }, Frame)
  end
  return frames
end

return M
