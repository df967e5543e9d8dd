-- program:dump(): the code of a program in the kernel, under the C lines that it comes
-- from. The instructions are printed by LLVM, in the compiler's process; what the kernel
-- has rewritten in them (maps, helper functions, calls) gets its names here.
local ffi = require "ffi"
local bit = require "bit"
local compiler = require "bpf.compiler"
local errors = require "bpf.errors"
local host = require "bpf.host"
local look_up = require "bpf.look_up"

local M = {}

ffi.cdef [[
struct ebl_bpf_instruction {
  uint8_t code, registers;
  int16_t offset;
  int32_t immediate;
};
]]
local INSTRUCTION = ffi.sizeof "struct ebl_bpf_instruction"

-- Codes and pseudo source registers that need a name (linux/bpf.h, linux/filter.h).
local CALL, LOAD_64, MOVE_64, NO_SPECULATION = 0x85, 0x18, 0xbf, 0xc2
local OF_FUNCTION, OF_KFUNC = 1, 2 -- in calls
local OF_MAP, OF_VALUE, OF_ADDRESS = 1, 2, 4 -- in loads: a map, its memory, a function
local TAIL_CALL = 12
local PER_CPU = -1 -- the offset of a move that makes an address one of this CPU

--- What LLVM makes of bare code: a list of {at = bytes from its beginning, text}.
local function disassembled(code, listing)
  local _, text = compiler.compile { text = code, name = "program", directory = "",
                                     flags = {}, listing = listing }
  local out = {}
  for at, instruction in text:gmatch "(%d+) ([^\n]*)\n" do
    out[#out + 1] = { at = tonumber(at), text = instruction }
  end
  return out
end

--- A number of 64 bits from its hexadecimal digits.
local function number_of(digits)
  local padded = ("0"):rep(16 - #digits) .. digits
  return tonumber(padded:sub(1, 8), 16) * 0x100000000ULL + tonumber(padded:sub(9), 16)
end

--- The address that helper functions are counted from; nil where it is hidden.
local function call_base()
  local digits = host.ksym_address "__bpf_call_base"
  return digits and number_of(digits)
end

local function function_at(code, instruction)
  for _, one in ipairs(code.functions) do
    if one.first == instruction then return one.name end
  end
end

--- "call bpf_map_lookup_elem": the kernel has put an address in the place of a number.
local function call_text(code, instruction, place, base)
  local source = bit.rshift(instruction.registers, 4)
  if source == OF_FUNCTION then
    local target = place + 1 + instruction.offset
    return "call " .. (function_at(code, target) or target)
  end
  if source ~= OF_KFUNC and instruction.immediate == TAIL_CALL then
    return "call bpf_tail_call"
  end
  if instruction.immediate == 0 or not base then
    return "call <a function of the kernel>"
  end
  local name = look_up.kernel_symbol(base + ffi.cast("int64_t", instruction.immediate))
  return "call " .. (name and name.offset == 0 and name.name
                     or ("<__bpf_call_base%+d>"):format(instruction.immediate))
end

--- "r1 = map counts" or "r2 = value of map .bss + 8".
local function load_text(code, instruction, following)
  local source = bit.rshift(instruction.registers, 4)
  local register = bit.band(instruction.registers, 15)
  local name = code.maps[instruction.immediate] or "#" .. instruction.immediate
  if source == OF_MAP then return ("r%d = map %s"):format(register, name) end
  if source == OF_VALUE then
    return ("r%d = value of map %s%s"):format(register, name,
      following.immediate ~= 0 and (" + %d"):format(following.immediate) or "")
  end
  if source == OF_ADDRESS then return ("r%d = a function"):format(register) end
end

--- The text of one instruction, where LLVM's own would say less.
local function own_text(code, all, place, base)
  local instruction = all[place]
  if instruction.code == CALL then return call_text(code, instruction, place, base) end
  if instruction.code == LOAD_64 then
    return load_text(code, instruction, all[place + 1])
  end
  if instruction.code == NO_SPECULATION then return "nospec" end
  if instruction.code == MOVE_64 and instruction.offset == PER_CPU then
    return ("r%d = this CPU's r%d"):format(bit.band(instruction.registers, 15),
                                           bit.rshift(instruction.registers, 4))
  end
end

--- "goto +5" with the number of the instruction that it leads to.
local function with_target(text, place)
  return (text:gsub("goto(l?) ([+-])(%w+)", function(long, sign, distance)
    local far = tonumber(distance)
    return ("goto%s %d"):format(long, place + 1 + (sign == "-" and -far or far))
  end))
end

--- Writes lines of source, each where it begins: `at` is a field of the code's lines.
local function sources(code, at)
  local by_place = {}
  for _, line in ipairs(code.lines) do
    local place = line[at]
    if place and line.text ~= "" then
      local file = line.file:gsub("^%./", "")
      by_place[place] = ("; %s:%d: %s"):format(file, line.number, line.text)
    end
  end
  local last
  return function(out, place)
    local line = by_place[place]
    if line and line ~= last then out[#out + 1] = line end
    last = line or last
  end
end

-- How the kernel marks accesses that may fault, by class and mode, and what they are
-- otherwise: loads and stores, sign-extending loads, atomic ones in an arena.
local LDX, ST, STX = 1, 2, 3
local GUARDED = { [LDX] = { [0x20] = 0x60, [0x40] = 0x80, [0xa0] = 0x60 },
                  [ST] = { [0xa0] = 0x60 }, [STX] = { [0xa0] = 0x60, [0xe0] = 0xc0 } }

--- The instructions without these marks, which LLVM does not know.
local function unguarded(code)
  local size = #code / INSTRUCTION
  local out = ffi.new("struct ebl_bpf_instruction[?]", size)
  ffi.copy(out, code, #code)
  local place = 0
  while place < size do
    local byte = out[place].code
    local modes = GUARDED[bit.band(byte, 7)]
    local plain = modes and modes[bit.band(byte, 0xe0)]
    if plain then out[place].code = bit.bor(plain, bit.band(byte, 0x1f)) end
    place = place + (byte == LOAD_64 and 2 or 1)
  end
  return ffi.string(out, #code)
end

local function xlated(code)
  local out, base, write_source = {}, call_base(), sources(code, "instruction")
  local all = ffi.cast("const struct ebl_bpf_instruction *", code.xlated)
  for _, one in ipairs(disassembled(unguarded(code.xlated), "bpf")) do
    local place = one.at / INSTRUCTION
    local name = function_at(code, place)
    if name then out[#out + 1] = name .. ":" end
    write_source(out, place)
    local text = own_text(code, all, place, base) or with_target(one.text, place)
    out[#out + 1] = ("%6d: %s"):format(place, text)
  end
  return out
end

--- A jump inside of its function with the place there; one that leads out, or a call,
--- with the name of what is there.
local function with_jited_target(text, code, function_)
  local before, address = text:match "^(%a[%w.]* +)0x(%x+)$"
  if not before then before, address = text:match "^(%a[%w.]* .*, *)0x(%x+)$" end
  if not before or not (before:find "^j" or before:find "^call" or before:find "^b"
                        or before:find "^cbn?z" or before:find "^tbn?z") then
    return text
  end
  local distance = number_of(address) - number_of(function_.address)
  if distance < function_.size then return ("%s%x"):format(before, tonumber(distance)) end
  for _, one in ipairs(code.functions) do
    if one.address == address then return text .. "  ; " .. one.name end
  end
  local name, offset = host.ksym(address)
  if not name or offset > 0x1000 then return text end
  return ("%s  ; %s%s"):format(text, name, offset > 0 and ("+0x%x"):format(offset) or "")
end

local function jited(code)
  local out, write_source = {}, sources(code, "jited")
  for _, one in ipairs(code.functions) do
    out[#out + 1] = one.name .. ":"
    local bytes = code.jited:sub(one.begin + 1, one.begin + one.size)
    for _, instruction in ipairs(disassembled(bytes, "native " .. one.address)) do
      write_source(out, one.begin + instruction.at)
      out[#out + 1] = ("%6x: %s"):format(instruction.at,
                                         with_jited_target(instruction.text, code, one))
    end
  end
  return out
end

--- The text of a program's code.
---@param fd integer
---@param what "xlated"|"jited"
---@return string
function M.dump(fd, what)
  if what ~= "xlated" and what ~= "jited" then
    errors.misuse(("program:dump takes \"xlated\" or \"jited\", got '%s'")
                  :format(tostring(what)))
  end
  local code = errors.check(host.program_code(fd))
  if what == "jited" and #code.jited == 0 then
    error(errors.new { stage = "load", code = "not_supported",
                       message = ("program '%s' has no jited code here")
                         :format(code.name),
                       hint = "the JIT is off (net.core.bpf_jit_enable), or the kernel "
                         .. "hides it (kernel.kptr_restrict)" }, 0)
  end
  return table.concat((what == "xlated" and xlated or jited)(code), "\n") .. "\n"
end

return M
