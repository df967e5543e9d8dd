--- What the specs of examples/ share: running one of them, and saying what it printed.
local harness = require "harness"
local support = require "support"
local tool = require "tool"

local expect = harness.expect

local M = {}

local folder = (debug.getinfo(1, "S").source:match "^@(.*/)" or "./") .. "../../examples/"

--- The path of an example, as a shell word.
function M.file(name)
  return support.quote(folder .. name .. ".lua")
end

--- An example that ended by itself has code 0, and printed these patterns.
function M.printed(result, ...)
  local all = ("%d: %s%s"):format(result.code, result.out, result.err)
  if result.code == 4 or result.code == 3 then
    harness.skip((result.err .. result.out):match "ebpf%-lua: ([^\n]*)" or all)
  end
  expect.truthy(result.code == 0, all)
  for _, pattern in ipairs { ... } do
    expect.truthy(result.out:find(pattern), pattern .. " in " .. all)
  end
  return result
end

--- Runs an example to its end.
---@param command string its name, and arguments as shell words
---@param options string? of the program
function M.run(command, options)
  local name, arguments = command:match "^(%S+)(.*)$"
  return support.run(("%s %s%s"):format(options or "", M.file(name), arguments))
end

--- Runs an example in the background while `event` (shell) runs again and again, until
--- its output has a line that matches each of the patterns (of grep -E): it may be
--- attached in the midst of the first time. Ends it as Ctrl-C does.
---@param command string its name, and arguments as shell words
---@param event string
---@param ... string
function M.watch(command, event, ...)
  local name, arguments = command:match "^(%S+)(.*)$"
  local greps = {}
  for i, pattern in ipairs { ... } do
    greps[i] = ('grep -qE %s "$out"'):format(support.quote(pattern))
  end
  return support.sh(support.WAIT_FOR .. ([[
    out=$(mktemp)
    %s %s%s >"$out" 2>&1 &
    example=$!
    seen() {
      { %s; } >/dev/null 2>&1
      { %s; } || ! kill -0 $example
    }
    wait_for seen
    kill -INT $example
    wait $example
    code=$?
    cat "$out"
    ((code == 3 || code == 4)) && cat "$out" >&2
    rm -f "$out"
    exit $code
  ]]):format(support.quote(support.program), M.file(name), arguments, event,
             table.concat(greps, " && ")))
end

--- Starts an example and calls `fn(tool)` once it has printed a line, or said
--- `options.banner` on standard error; see tool.lua. Skips the test where the kernel
--- cannot.
---@param command string its name, and arguments as shell words
---@param options {banner: string?, input: boolean?, netns: string?}
---@param fn fun(tool: Tool)
function M.with(command, options, fn)
  local name, arguments = command:match "^(%S+)(.*)$"
  local ok, err = pcall(tool.with, "../examples/" .. name, arguments, options,
                        function(running)
    fn(running)
    if not running:code() then expect.equal(running:stop(), 0) end
  end)
  if ok then return end
  local reason = tostring(err):match "the tool has ended:\n([^\n]*)"
  if reason and reason:find "kernel" then harness.skip(reason) end
  error(err, 0)
end

return M
