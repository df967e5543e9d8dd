-- Programs that the verifier refuses, on the kernel that runs: each is explained, on the
-- C line that the captured log of this kernel led to (tests/data/verifier/VERSION), where
-- there is one.
local bpf = require "bpf"
local support = require "support"

local data = arg[1]:match("^(.*)/lua/[^/]*$") .. "/data/verifier"
local release = io.open("/proc/sys/kernel/osrelease"):read("*l")
local captured = ("%s/%s"):format(data, release:match("^%d+%.%d+"))

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

-- Where the object's own line information is more exact than the log.
local LINES = { ringbuf_record_leak = 16 }
-- The counter of losses tests a record's pointer: the path with NULL may be walked first.
local OTHERWISE = {
  null_check_missing_ringbuf = "'e' (from bpf_ringbuf_reserve()) is NULL on this path",
}

-- What another kernel may have is no mistake of the program.
local CODES = { helper_unknown = "not_supported" }

local function contains(text, part)
  expect.truthy(text:find(part, 1, true), ("'%s' in: %s"):format(part, text))
end

local function load_program(name)
  local object = bpf.load { file = ("%s/%s.c"):format(data, name) }
  local ok, err = pcall(object.programs.program.load, object.programs.program)
  object:close()
  return not ok and err or nil
end

describe("a program that the verifier refuses", function()
  local names = {}
  for path in io.popen(("ls %s/*.c"):format(data)):lines() do
    names[#names + 1] = path:match("([^/]+)%.c$")
  end

  for _, name in ipairs(names) do
    local source = read(("%s/%s.c"):format(data, name))
    local expected = read(("%s/%s.expected"):format(captured, name))
    local elsewhere = source:find("^/%* capabilities") or source:find("^/%* in a virtual")
      or name == "unbounded_loop" -- like too_complex, and as slow
      -- A million instructions: over a minute where the processor is emulated.
      or name == "too_complex" and support.in_machine
    if expected and not elsewhere then
      it("is explained: " .. name, function()
        local err = load_program(name)
        expect.equal(err and err.code, CODES[name] or "verifier")
        expect.truthy(err.hint, "hint")
        local line, sentence = expected:match("^%S+%.c:(%d+): ([^\n]*)")
        sentence = sentence or expected:match("^[^\n]*")
        local other = OTHERWISE[name]
        local is_other = other and err.message:find(other, 1, true)
        -- The log of an older kernel alone does not tell the line of a call.
        local keeps_line = sentence:find("() in line", 1, true)
        local message = err.message:gsub("%(%) in line %d+", keeps_line and "%0" or "()")
        contains(message, is_other and other or sentence)
        if line then expect.equal(err.location.line, LINES[name] or tonumber(line)) end
        local place = err.location
        if place then expect.equal(place.file:match("[^/]+$"), name .. ".c") end
      end)
    end
  end

  it("is refused by every kernel where a look-up's result is not tested", function()
    local err = load_program("null_check_missing")
    expect.equal(err.code, "verifier")
    expect.equal(err.location.line, 9)
    contains(err.hint, "if (!value) return 0;")
  end)
end)
