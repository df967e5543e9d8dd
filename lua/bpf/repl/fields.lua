-- The members behind a path of C: `args->prev->`, `((struct sock *)arg0)->__sk_common.`.
local host = require "bpf.host"
local probe = require "bpf.quick.probe"

local M = {}

---@class bpf.repl.Member
---@field name string "" of an anonymous struct or union
---@field declaration string
---@field inside bpf.repl.Member[] of a struct that has no name of its own

--- Puts what is inside a member below it: the kernel's list has depths.
local function nested(members)
  local root = { inside = {} }
  local open = { [0] = root }
  for _, member in ipairs(members) do
    local node = { name = member.name, declaration = member.declaration, inside = {} }
    local parent = open[member.depth] or root
    parent.inside[#parent.inside + 1] = node
    open[member.depth + 1] = node
  end
  return root.inside
end

--- As C sees them: those of anonymous structs and unions belong to what is around.
local function promoted(members, into)
  into = into or {}
  for _, member in ipairs(members) do
    if member.name == "" then promoted(member.inside, into)
    else into[#into + 1] = member end
  end
  return into
end

local known = {}

local function members_of(record)
  if not known[record] then
    known[record] = promoted(nested(host.type_members(record) or {}))
  end
  return known[record]
end

--- "struct sock" of "const struct sock *sk"; nil where there is none.
local function record_in(declaration)
  local keyword, name = declaration:match("(%a+)%s+([%a_][%w_]*)")
  while keyword and keyword ~= "struct" and keyword ~= "union" do
    declaration = declaration:sub(#keyword + 1)
    keyword, name = declaration:match("(%a+)%s+([%a_][%w_]*)")
  end
  return keyword and keyword .. " " .. name
end

local function behind(member)
  if member.inside[1] then return promoted(member.inside) end
  local record = record_in(member.declaration)
  return record and members_of(record) or {}
end

local function find(members, name)
  for _, member in ipairs(members) do
    if member.name == name then return member end
  end
  return nil
end

--- The arguments of a probe as members: `args->NAME`.
local function arguments_of(found)
  local members = {}
  for declaration, name in (found.members or ""):gmatch("([^;\n]-([%w_]+));\n") do
    members[#members + 1] = { name = name, declaration = declaration, inside = {} }
  end
  if members[1] then return members end
  for i, name in ipairs(probe.argument_names(found)) do
    members[i] = { name = name, declaration = "", inside = {} }
  end
  return members
end

-- "->prev->mm.", "->tg": from the first arrow or point on.
local STEPS = "([%-%.][%w_%.%->]*)$"

--- What the path begins with: its members, and the steps behind.
local function base_of(text, found)
  local record, steps = text:match("%(%s*%(%s*(%a+%s+[%w_]+)%s*%*+%s*%)[^()]*%)" .. STEPS)
  if record then return members_of(record), steps end
  local name
  name, steps = text:match("([%a_][%w_]*)" .. STEPS)
  if name == "args" and found then return arguments_of(found), steps end
  if name == "curtask" then return members_of("struct task_struct"), steps end
  return nil
end

--- The names that may come next in an expression; nil where it does not end in a path.
---@param text string the expression up to the cursor
---@param found bpf.quick.Probe? the probe that it belongs to
---@return string[]? names
function M.next(text, found)
  local members, steps = base_of(text, found)
  if not members then return nil end
  for step in steps:gmatch("([%w_]+)%f[%.%-]") do
    local member = find(members, step)
    if not member then return {} end
    members = behind(member)
  end
  local names = {}
  for i, member in ipairs(members) do names[i] = member.name end
  return names
end

return M
