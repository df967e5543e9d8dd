-- C expressions of quick probes: which builtins they use, and the columns that they make.
--
-- Nothing here understands C beyond its tokens: clang types the expressions, and its
-- diagnostics speak of them.
local errors = require "bpf.errors"

local M = {}

---@class bpf.quick.Column
---@field name string the header and the JSON key come from it
---@field text string the C expression, with string comparisons written out
---@field form "value"|"string"|"bytes"|"join"|"stack"|"address"|"function"|"probe" how
--- it is stored and shown
---@field argument string? what str(), buf(), join(), ntop() are given
---@field size integer? bytes of a string, bytes or join column
---@field hidden boolean? shown in JSON and CSV only
---@field user boolean? a stack of the process, not of the kernel

--- Bytes of a string column, where no length is given.
M.STRING_SIZE = 64
local JOIN_SIZE, MOST_SIZE = 192, 256

local OPEN = { ["("] = ")", ["["] = "]", ["{"] = "}" }
local CLOSE = { [")"] = true, ["]"] = true, ["}"] = true }

---@class bpf.quick.Token
---@field kind "name"|"number"|"string"|"mark"
---@field text string
---@field from integer
---@field to integer

local PATTERNS = {
  { "name", "^[%a_][%w_]*" }, { "number", "^%.?%d[%w_%.]*" },
  { "mark", "^%->" }, { "mark", "^[=!<>]=" }, { "mark", "^[&|][&|]" }, { "mark", "^<<" },
  { "mark", "^>>" }, { "mark", "^." },
}

--- The end of the literal whose quotation mark is at `at`, or nil where it has none.
local function literal_end(text, at)
  local mark = text:sub(at, at)
  local place = at + 1
  while place <= #text do
    local char = text:sub(place, place)
    if char == mark then return place end
    place = place + (char == "\\" and 2 or 1)
  end
  return nil
end

local function refuse(text, message, hint)
  errors.misuse(("in the expression '%s': %s"):format(text, message), hint)
end

---@param text string
---@return bpf.quick.Token[]
function M.tokens(text)
  local tokens, at = {}, 1
  while true do
    at = text:find("%S", at)
    if not at then return tokens end
    local char, kind, last = text:sub(at, at), nil, nil
    if char == '"' or char == "'" then
      kind, last = "string", literal_end(text, at)
      if not last then refuse(text, "a quotation mark has no end") end
    else
      for _, pattern in ipairs(PATTERNS) do
        local _, stop = text:find(pattern[2], at)
        if stop then
          kind, last = pattern[1], stop
          break
        end
      end
    end
    tokens[#tokens + 1] = { kind = kind, text = text:sub(at, last), from = at, to = last }
    at = last + 1
  end
end

--- The texts between commas that stand in no bracket.
---@param text string
---@return string[]
function M.split(text)
  local parts, depth, from = {}, {}, 1
  for _, token in ipairs(M.tokens(text)) do
    if token.kind == "mark" then
      if OPEN[token.text] then
        depth[#depth + 1] = OPEN[token.text]
      elseif CLOSE[token.text] then
        if table.remove(depth) ~= token.text then
          refuse(text, ("'%s' closes nothing"):format(token.text))
        end
      elseif token.text == "," and #depth == 0 then
        parts[#parts + 1] = text:sub(from, token.from - 1)
        from = token.to + 1
      elseif token.text == ";" or token.text == "#" then
        refuse(text, ("'%s' has no place in an expression"):format(token.text))
      end
    end
  end
  if #depth > 0 then refuse(text, ("a '%s' is missing"):format(depth[#depth])) end
  parts[#parts + 1] = text:sub(from)
  for i, part in ipairs(parts) do
    parts[i] = part:match("^%s*(.-)%s*$")
    if parts[i] == "" then refuse(text, "there is nothing between two commas") end
  end
  return parts
end

--- Adds to `names` every identifier that is not a member's: what may be a builtin.
---@param text string
---@param names table<string, boolean>
function M.add_names(text, names)
  local before
  for _, token in ipairs(M.tokens(text)) do
    if token.kind == "name" and before ~= "->" and before ~= "." and before ~= "struct"
       and before ~= "union" and before ~= "enum" then
      names[token.text] = true
    end
    before = token.text
  end
end

--- Where the operand that ends at token `last` begins: a name with its members, calls
--- and indices.
local function operand_start(tokens, last)
  local at = last
  while at > 0 do
    local text = tokens[at].text
    if CLOSE[text] then
      local depth = 0
      repeat
        local mark = tokens[at].text
        depth = depth + (CLOSE[mark] and 1 or OPEN[mark] and -1 or 0)
        at = at - 1
      until depth == 0 or at == 0
      if at == 0 or tokens[at].kind ~= "name" and not CLOSE[tokens[at].text] then
        return at + 1
      end
    else
      local before = tokens[at - 1] and tokens[at - 1].text
      if before ~= "->" and before ~= "." then return at end
      at = at - 2
    end
  end
  return 1
end

local function is_text(token)
  return token and token.kind == "string" and token.text:sub(1, 1) == '"'
end

--- Writes OPERAND == "text" and OPERAND != "text" as calls of quick_equal().
---@param text string
---@return string
function M.with_comparisons(text)
  text = text:gsub('%f[%w_]reg%s*%(%s*"([%w_]+)"%s*%)', "registers->%1")
  local tokens = M.tokens(text)
  for i = #tokens - 1, 2, -1 do
    local mark = tokens[i].text
    if (mark == "==" or mark == "!=") and is_text(tokens[i + 1]) then
      local first = operand_start(tokens, i - 1)
      local operand = text:sub(tokens[first].from, tokens[i - 1].to)
      local pointer = operand:match("^str%s*(%b())$")
      local call = pointer and "quick_equal_at(%s, %s)" or "quick_equal(%s, %s)"
      call = call:format(pointer or operand, tokens[i + 1].text)
      text = text:sub(1, tokens[first].from - 1) .. (mark == "!=" and "!" or "") .. call
             .. text:sub(tokens[i + 1].to + 1)
      return M.with_comparisons(text)
    end
  end
  return text
end

--- A filter and the processes that all is restricted to, as one expression; nil: neither.
---@param text string|false|nil
---@param scope string? C expression
---@return string?
function M.filter(text, scope)
  local parts = {}
  if text then parts[1] = "(" .. M.with_comparisons(text) .. ")" end
  if scope then parts[#parts + 1] = scope end
  return parts[1] and table.concat(parts, " && ") or nil
end

local function whole_call(text, name)
  local inside = text:match("^" .. name .. "%s*(%b())$")
  return inside and M.split(inside:sub(2, -2))
end

local function size_of(text, words, usual)
  if not words[2] then return usual end
  local size = tonumber(words[2])
  if not size or size < 1 or size > MOST_SIZE or size % 1 ~= 0 then
    refuse(text, ("a length is a number from 1 to %d"):format(MOST_SIZE))
  end
  return size
end

local CALLS = {
  str = { form = "string", size = M.STRING_SIZE, most = 2 },
  buf = { form = "bytes", size = M.STRING_SIZE, most = 2 },
  join = { form = "join", size = JOIN_SIZE, most = 1 },
  ntop = { form = "address", most = 1 },
}

--- A short name for a column: the last member, the argument of str(), or the text.
local function short_name(text)
  local tokens = M.tokens(text)
  local last = tokens[#tokens]
  local before = tokens[#tokens - 1]
  if #tokens == 1 then return last.text end
  if last.kind == "name" and (before.text == "->" or before.text == ".") then
    return last.text
  end
  return text
end

---@param text string one expression, perhaps with " as NAME"
---@return bpf.quick.Column
function M.column(text)
  local expression, alias = text:match("^(.-)%s+as%s+([%a_][%w_]*)$")
  expression = expression or text
  local column = { text = expression, form = "value" }
  if expression == "kstack" or expression == "ustack" then
    column.form, column.user = "stack", expression == "ustack"
  elseif expression == "func" then
    column.form = "function"
  elseif expression == "probe" then
    column.form = "probe"
  end
  for name, call in pairs(CALLS) do
    local words = whole_call(expression, name)
    if words then
      if #words > call.most then
        refuse(text, ("%s() takes at most %d"):format(name, call.most))
      end
      column.form, column.argument = call.form, M.with_comparisons(words[1])
      column.size = call.size and size_of(text, words, call.size)
    end
  end
  if column.form == "value" then column.text = M.with_comparisons(expression) end
  column.name = alias or short_name(column.argument or expression)
  return column
end

--- The columns of a list of expressions, with names of their own.
---@param text string "pid, comm, str(args->filename)"
---@return bpf.quick.Column[]
function M.columns(text)
  local columns, taken = {}, {}
  for i, part in ipairs(M.split(text)) do
    local column = M.column(part)
    local name = column.name
    while taken[column.name] do
      column.name = ("%s_%d"):format(name, i)
    end
    taken[column.name] = true
    columns[i] = column
  end
  return columns
end

return M
