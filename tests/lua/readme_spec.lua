-- The session in README.md: replayed on a real terminal, it must come out the same, but
-- for numbers and the room that they take.
--
--   EBPF_LUA_RECORD=1 ebpf-lua tests/lua/run.lua tests/lua/readme_spec.lua
--
-- puts what it sees now in the README's place.
local screen = require "screen"
local support = require "support"

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local README = here .. "../../README.md"
local BEGIN, FENCE = "```\n$ sudo ebpf-lua\n", "\n```\n"

--- What is before the session, the session, and what is behind it.
local function parts(text)
  local _, first = text:find(BEGIN, 1, true)
  assert(first, "README.md has a session")
  local last = text:find(FENCE, first, true)
  return text:sub(1, first), text:sub(first + 1, last), text:sub(last + 1)
end

--- Without what differs each time: numbers, the bars that they make, alignment.
local function shape(text)
  return (text:gsub("%d[%d.]*", "N"):gsub("|[* ]*|", "||"):gsub(" +", " ")
          :gsub("\n ", "\n"):gsub("\n+$", ""))
end

--- The lines that are typed, and for each the text up to the next one.
local function steps(session)
  local list, seen = {}, ""
  for line in session:gmatch("([^\n]*)\n") do
    local typed = line:match("^> (.+)$")
    if typed then list[#list + 1] = { typed = typed, before = seen } end
    seen = seen .. line .. "\n"
  end
  return list, seen
end

local function wait_for(s, wanted)
  local text
  local function is_there()
    local before_prompt, count = s:text():gsub("\n> ?\n*$", "\n")
    text = before_prompt
    return count == 1 and shape(text) == shape(wanted)
  end
  if not support.eventually(is_there) then
    error(("the screen shows\n%s\nand README.md says\n%s"):format(text, wanted), 2)
  end
end

--- The screen once it has not changed for a while.
local function wait_until_quiet(s)
  local before
  repeat
    before = s:text()
    support.sleep(1.5)
  until s:text() == before
  return (before:gsub("> *\n*$", ""))
end

local function record(s, list)
  for _, step in ipairs(list) do
    wait_until_quiet(s)
    s:enter(step.typed)
  end
  return wait_until_quiet(s)
end

local function replay(s, list, whole)
  for _, step in ipairs(list) do
    wait_for(s, step.before)
    s:enter(step.typed)
  end
  wait_for(s, whole)
end

describe("README.md", function()
  it("has a session at the prompt that comes out the same", function()
    local before, session, after = parts(support.read(README))
    local list, whole = steps(session)
    expect.truthy(#list >= 5, "lines that are typed")
    local command = support.quote(support.program) .. " --color never"
    screen.with(command, function(s)
      s:expect("\n> ?\n$")
      if os.getenv("EBPF_LUA_RECORD") then
        local file = assert(io.open(README, "wb"))
        file:write(before, record(s, list):gsub("\n*$", "\n"):sub(1, -2), after)
        file:close()
        skip("README.md has a new session")
      end
      replay(s, list, whole)
      s:keys("C-d")
      expect.equal(s:code(), 0)
    end, 100, 60)
  end)
end)
