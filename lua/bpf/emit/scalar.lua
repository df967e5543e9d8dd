--- Decimal text of numbers and 64-bit integers, the same in every output.

local ffi = require "ffi"

local M = {}

local i64, u64 = ffi.typeof "int64_t", ffi.typeof "uint64_t"
local istype, floor, format = ffi.istype, math.floor, string.format

--- Whether `v` is an int64_t or uint64_t.
---@return boolean
function M.is_integer_cdata(v)
  return type(v) == "cdata" and (istype(i64, v) or istype(u64, v))
end

--- Digits without ULL.
---@param v ffi.cdata* int64_t or uint64_t
---@return string
function M.integer(v)
  return istype(u64, v) and format("%u", v) or format("%d", v)
end

--- Integers up to 2^53 in full, others as short as they can be read back exactly
--- (`exact`) or to 14 digits.
---@param v number
---@param exact boolean?
---@return string
function M.number(v, exact, ...) -- `...`: see bpf.print
  if v == floor(v) and v <= 2 ^ 53 and v >= -2 ^ 53 then
    return format("%d", v)
  end
  local text = format("%.14g", v)
  if exact and tonumber(text) ~= v then
    text = format("%.16g", v)
    if tonumber(text) ~= v then
      text = format("%.17g", v)
    end
  end
  return text
end

return M
