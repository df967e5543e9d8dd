-- What a function of a program or library is called with, by its debug information.
local host = require "bpf.host"
local errors = require "bpf.errors"

local M = {}

local KEYWORDS = {}
for word in ([[auto bool break case char const continue default do double else enum extern
  false float for goto if inline int long nullptr register restrict return short signed
  sizeof static struct switch true typedef typeof union unsigned void volatile while asm
  constexpr thread_local alignas alignof static_assert ctx quick_args args]])
  :gmatch("%S+") do
  KEYWORDS[word] = true
end

--- Names come from a file that anybody may have made, and become C.
local function is_name(text)
  return text:find("^[%a_][%w_]*$") and not text:find("^__") and not KEYWORDS[text]
end

local symbols

---@param place string "BINARY:FUNCTION"
---@return {name: string, type: string, place: integer}[]? prototype `place`: which of the
--- integer arguments it is, from 0, or -1; with `result`, a type
---@return bpf.Error? why there is none
function M.of(place)
  local binary, name = place:match("^([^:]+):(.+)$")
  if not binary or name:find("^0x") or name:find("%+") then
    return nil, errors.new {
      stage = "attach", code = "not_supported",
      message = ("'%s': arguments are known at the entry of a function"):format(place) }
  end
  local path, err = host.find_binary(binary)
  if not path then return nil, err end
  symbols = symbols or host.user_symbols()
  local prototype
  prototype, err = symbols:prototype(path, name)
  if not prototype then return nil, err end
  local taken = {}
  for i, part in ipairs(prototype) do
    if not is_name(part.name) or taken[part.name] then part.name = "arg" .. i - 1 end
    taken[part.name] = true
  end
  return prototype
end

return M
