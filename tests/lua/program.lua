--- What specs expect of whole runs of the program: its exit code and what it says.
local harness = require "harness"
local support = require "support"

local M = {}

--- `text` has `wanted` in it (no pattern).
function M.contains(text, wanted, level)
  if not text:find(wanted, 1, true) then
    error(("said %q, wanted %q"):format(text, wanted), (level or 1) + 1)
  end
end

--- A result of support.run and its like: it ended with `code` and said all of these on
--- standard error.
function M.failed(result, code, ...)
  for _, text in ipairs { ... } do M.contains(result.err, text, 2) end
  if result.code ~= code then
    error(("ended with %d, wanted %d: %s"):format(result.code, code, result.err), 2)
  end
  return result
end

--- The program, run with these arguments (shell words), ends with `code` and says these.
function M.fails(arguments, code, ...)
  return M.failed(support.run(arguments), code, ...)
end

--- The same for a chunk of Lua.
function M.chunk_fails(chunk, code, ...)
  return M.failed(support.run("-e " .. support.quote(chunk)), code, ...)
end

--- The same without CAP_SYS_ADMIN, which the error names: exit code 3.
function M.needs_sys_admin(chunk, message)
  if support.sh("command -v setpriv").code ~= 0 then harness.skip "no setpriv" end
  local command = "setpriv --inh-caps -all --bounding-set -sys_admin %s -e %s"
  M.failed(support.sh(command:format(support.quote(support.program),
                                     support.quote(chunk))),
           3, message, "CAP_SYS_ADMIN")
end

--- The program, run with these arguments, prints just this and ends with 0.
function M.prints(arguments, wanted)
  local result = support.run(arguments)
  if result.out ~= wanted or result.code ~= 0 then
    error(("printed %q, code %d, wanted %q: %s"):format(result.out, result.code, wanted,
                                                        result.err), 2)
  end
end

function M.chunk_prints(chunk, wanted)
  M.prints("-e " .. support.quote(chunk), wanted)
end

--- Calls `fn(folder)` with a folder that holds these files and is gone afterwards.
---@param files table<string, string> name -> text
function M.with_files(files, fn)
  local folder = support.sh("mktemp -d").out:match("%S+")
  for name, text in pairs(files) do
    local file = assert(io.open(folder .. "/" .. name, "wb"))
    file:write(text)
    file:close()
  end
  local ok, err = xpcall(fn, debug.traceback, folder)
  support.sh("rm -rf " .. folder)
  if not ok then error(err, 0) end
end

return M
