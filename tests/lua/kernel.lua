--- What specs of hooks share: skipping by the kernel's own words, and nothing else.
local bpf = require "bpf"
local harness = require "harness"
local support = require "support"

local M = {}

--- Calls `fn`; an error that says the kernel cannot, or may not, ends the test as skipped
--- with that reason. Any other error goes on.
function M.try(fn, ...)
  local result = { pcall(fn, ...) }
  if result[1] then return unpack(result, 2) end
  local err = result[2]
  local code = type(err) == "table" and err.code
  if code == "not_supported" or code == "not_permitted" then
    harness.skip(tostring(err))
  end
  error(err, 0)
end

--- program:attach(spec, options) by try().
function M.attach(program, spec, options)
  return M.try(program.attach, program, spec, options)
end

--- Runs a chunk in a process of its own until it prints "attached", calls `alive`, kills
--- it with SIGKILL, and waits until `gone` returns true.
---@param chunk string Lua
---@param alive fun()
---@param gone fun(): boolean
function M.killed(chunk, alive, gone)
  local folder = support.sh("mktemp -d").out:match("%S+")
  local function read(name) return support.read_so_far(folder .. "/" .. name) end
  os.execute(("bash -c %s &"):format(support.quote(
    ("echo $$ >%s/pid; exec %s -e %s >%s/out 2>%s/err </dev/null"):format(
      folder, support.quote(support.program), support.quote(chunk), folder, folder))))
  local ok, err = pcall(function()
    support.eventually(function()
      return read("out"):find "attached" or read("err") ~= ""
    end)
    if not read("out"):find "attached" then error("not attached: " .. read("err"), 0) end
    alive()
  end)
  support.sh("kill -9 " .. read("pid"))
  support.sh("rm -rf " .. folder)
  if not ok then error(err, 0) end
  if not support.eventually(gone) then error("something is left after the SIGKILL", 2) end
end

--- Skips by the kernel's refusal of the smallest program of a section. For tests whose
--- text names types that only kernels with that kind of program have.
---@param result integer? what programs of that kind may return; default 1
function M.needs_section(section, result)
  local obj = bpf.load {
    source = ("SEC(%q) int smallest(void *ctx) { return %d; }")
             :format(section, result or 1),
  }
  local ok, err = pcall(M.try, obj.programs.smallest.load, obj.programs.smallest)
  obj:close()
  if not ok then error(err, 0) end
end

return M
