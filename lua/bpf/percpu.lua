-- Values of per-CPU maps: a list with one value a CPU, and its sums.
local ffi = require "ffi"
local errors = require "bpf.errors"

local M = {}

---@class bpf.PerCpu: any[]
local List = {}
List.__index = List

local function numbers(list)
  for _, value in ipairs(list) do
    local kind = type(value)
    if kind ~= "number" and not (kind == "cdata" and tonumber(value)) then
      errors.misuse("sum, max and avg need values that are numbers",
                    "take a field of each CPU's value: list[cpu].field")
    end
  end
  return list
end

--- Exact: 64-bit cdata once the total passes 2^53.
---@return number|ffi.cdata*
function List:sum()
  local total, exact = 0, nil
  for _, value in ipairs(numbers(self)) do
    if exact or type(value) == "cdata" or math.abs(total + value) > 2 ^ 53 then
      exact = (exact or ffi.new(total < 0 and "int64_t" or "uint64_t", total)) + value
    else
      total = total + value
    end
  end
  return exact or total
end

---@return number|ffi.cdata*
function List:max()
  local most
  for _, value in ipairs(numbers(self)) do
    if most == nil or value > most then most = value end
  end
  return most
end

---@return number
function List:avg()
  return tonumber(self:sum()) / #self
end

--- Codec of a whole read-out: `cpus` values, each rounded up to eight bytes.
---@param set bpf.TypeSet
---@param root integer
---@param cpus integer
function M.codec(set, root, cpus)
  local own, write = set:own(root), set:write(root)
  local stride = math.ceil(set:size(root) / 8) * 8
  local function is_list(value)
    return type(value) == "table" and (getmetatable(value) == List or #value == cpus)
  end
  return {
    size = stride * cpus,
    own = function(address)
      local list = {}
      for cpu = 1, cpus do list[cpu] = own(address + (cpu - 1) * stride) end
      return setmetatable(list, List)
    end,
    write = function(address, value, where)
      ffi.fill(address, stride * cpus)
      local list = is_list(value)
      for cpu = 1, cpus do
        write(address + (cpu - 1) * stride, list and value[cpu] or value, where)
      end
    end,
  }
end

return M
