--- Text of other users (comm, argv, paths) made safe for terminals and for JSON.

local M = {}

local SHORT = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r" }

local function hex(byte)
  return SHORT[byte] or ("\\x%02x"):format(byte:byte())
end

--- Length of the valid UTF-8 sequence at `i`, nil if there is none.
---@param s string
---@param i integer
---@return integer?
function M.utf8_length(s, i)
  local a, b, c, d = s:byte(i, i + 3)
  local function tail(x)
    return x and x >= 0x80 and x <= 0xbf
  end
  if a < 0x80 then
    return 1
  elseif a >= 0xc2 and a <= 0xdf then
    return tail(b) and 2 or nil
  elseif a >= 0xe0 and a <= 0xef then -- neither overlong nor a surrogate
    local low, high = a == 0xe0 and 0xa0 or 0x80, a == 0xed and 0x9f or 0xbf
    return b and b >= low and b <= high and tail(c) and 3 or nil
  elseif a >= 0xf0 and a <= 0xf4 then
    local low, high = a == 0xf0 and 0x90 or 0x80, a == 0xf4 and 0x8f or 0xbf
    return b and b >= low and b <= high and tail(c) and tail(d) and 4 or nil
  end
end

--- Replaces each run of bytes >= 0x80: `bad(byte)` where it is not UTF-8, or where
--- `c1` is set and it is a control character of 0x80 to 0x9f.
local function fix_high(s, bad, c1)
  return (s:gsub("[\128-\255]+", function(run)
    local out, i = {}, 1
    while i <= #run do
      local n = M.utf8_length(run, i)
      local control = c1 and n == 2 and run:byte(i) == 0xc2 and run:byte(i + 1) < 0xa0
      if n and not control then
        out[#out + 1] = run:sub(i, i + n - 1)
      else
        n = n or 1
        out[#out + 1] = run:sub(i, i + n - 1):gsub(".", bad)
      end
      i = i + n
    end
    return table.concat(out)
  end))
end

--- Control characters and bytes that are not UTF-8 as \n, \t, \r and \xNN.
---@param s string
---@param keep_lines boolean? leave \n and \t: they are the script's own
---@return string
function M.terminal(s, keep_lines)
  if not s:find "[%c\127-\255]" then
    return s
  end
  s = s:gsub(keep_lines and "[%z\1-\8\11-\31\127]" or "[%c\127]", hex)
  return fix_high(s, hex, true)
end

local JSON = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function unicode(byte)
  return JSON[byte] or ("\\u%04x"):format(byte:byte())
end

--- The inside of a JSON string. A byte that is not UTF-8 becomes \u00XX, so that its
--- value can be read; it looks like Latin-1. DEL and U+0080 to U+009F are escaped too:
--- JSON lines are also read on terminals.
---@param s string
---@return string
function M.json(s)
  if s:find '^[ !#-%[%]-~]*$' then
    return s
  end
  s = s:gsub('[%c"\\\127]', unicode):gsub("\194([\128-\159])", unicode)
  return fix_high(s, unicode)
end

-- First and last character of the ranges that take two columns, or none.
local WIDE = {
  { 0x1100, 0x115f }, { 0x2e80, 0x303e }, { 0x3041, 0xa4cf }, { 0xa960, 0xa97f },
  { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff }, { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 },
  { 0xffe0, 0xffe6 }, { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff },
  { 0x20000, 0x3fffd },
}
local NONE = { { 0x300, 0x36f }, { 0x200b, 0x200f }, { 0xfe00, 0xfe0f } }

local function is_in(ranges, character)
  for _, range in ipairs(ranges) do
    if character <= range[2] then return character >= range[1] end
  end
  return false
end

--- The character of a valid UTF-8 sequence.
local function code_point(sequence)
  local first = sequence:byte()
  local value = first % (#sequence == 2 and 0x20 or #sequence == 3 and 0x10 or 8)
  for i = 2, #sequence do value = value * 64 + sequence:byte(i) % 64 end
  return value
end

local FIRST_OF_OTHER_WIDTH = 0x300

--- Columns that `s`, which is valid UTF-8, takes on a terminal.
---@param s string
---@return integer
function M.width(s)
  if not s:find "[\128-\191]" then
    return #s
  end
  local width = 0
  for sequence in s:gmatch "[%z\1-\127\192-\255][\128-\191]*" do
    local character = #sequence == 1 and 0 or code_point(sequence)
    if character < FIRST_OF_OTHER_WIDTH then width = width + 1
    elseif is_in(WIDE, character) then width = width + 2
    elseif not is_in(NONE, character) then width = width + 1
    end
  end
  return width
end

return M
