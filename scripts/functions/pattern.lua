-- What funccount and funclatency are told to look at, in BCC's words, as probe specs.
local errors = require "bpf.errors"
local probes = require "bpf.probes"
local regex = require "bcc.regex"

local M = {}

local OWN = { tracepoint = true, kprobe = true, fentry = true, uprobe = true,
              usdt = true }
local WITHOUT_BINARY = { tracepoint = true, kprobe = true, fentry = true }

--- FUNC, LIB:FUNC, t:CATEGORY:EVENT… -> the kind of spec, what it shares, the pattern.
local function split(text)
  local kind, rest = text:match("^([ptu]):(.+)$")
  if kind == "t" then return "tracepoint", "tracepoint:", rest end
  if kind == "u" then
    local binary, probe = rest:match("^([^:]+):(.+)$")
    if not binary then return nil end
    return "usdt", ("usdt:%s:"):format(binary), probe
  end
  rest = rest or text
  local word, more = rest:match("^([^:]*):(.+)$")
  if not kind and OWN[word] then
    if WITHOUT_BINARY[word] then return word, word .. ":", more end
    local binary, name = more:match("^([^:]+):(.+)$")
    if not binary then return nil end
    return word, ("%s:%s:"):format(word, binary), name
  end
  if word == nil or word == "" then return "kprobe", "kprobe:", more or rest end
  return "uprobe", ("uprobe:%s:"):format(word), more
end

---@class functions.Set
---@field kind "kprobe"|"fentry"|"uprobe"|"tracepoint"|"usdt"
---@field prefix string "kprobe:", "uprobe:libc:"
---@field names string[] functions, events or probes; at least one

--- Ends the tool: it was called wrongly.
---@param code "invalid"|"not_found"
---@param message string
---@param hint string?
function M.refuse(code, message, hint)
  error(errors.new { stage = "usage", code = code, message = message, hint = hint }, 0)
end

--- The functions that a pattern stands for. Raises where there are none.
---@param text string
---@param is_regex boolean? the last part is a regular expression, not one with * and ?
---@return functions.Set
function M.find(text, is_regex)
  local kind, prefix, pattern = split(text)
  if not kind then
    M.refuse("invalid", ("'%s' is no pattern of functions"):format(text),
             "FUNCTION, LIB:FUNCTION, t:CATEGORY:EVENT, u:LIB:PROBE")
  end
  local names = {}
  local matches = is_regex and regex.matcher(pattern)
  for _, spec in ipairs(probes.list(prefix .. (is_regex and "*" or pattern))) do
    local name = spec:sub(#prefix + 1)
    if not matches or matches(name) then names[#names + 1] = name end
  end
  if #names == 0 then
    M.refuse("not_found", ("no name matches the regular expression '%s'"):format(pattern))
  end
  return { kind = kind, prefix = prefix, names = names }
end

return M
