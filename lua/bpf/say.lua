-- Messages on standard error, behind what has been printed so far. On a terminal their
-- first words have colours, and the control characters in them are shown: names of other
-- users' files, functions and processes get into messages.
local C = require "bpf.ffi_api"
local color = require "bpf.color"
local escape = require "bpf.emit.escape"

local PAINTED = { { "^(ebpf%-lua:)", "failure" }, { "(error:)", "failure" },
                  { "(warning:)", "warning" }, { "^(  hint:)", "hint" } }

local function painted(text)
  return (text .. "\n"):gsub("([^\n]*)\n", function(line)
    for _, each in ipairs(PAINTED) do
      local done, count = line:gsub(each[1], function(word)
        return color.paint(each[2], word)
      end, 1)
      if count > 0 then return done .. "\n" end
    end
  end):sub(1, -2)
end

--- Says one or more lines.
---@param text string without the last line's end
return function(text)
  C.ebl_flush()
  if color.is_terminal(color.STDERR) then text = escape.terminal(text, true) end
  if color.is_on(color.STDERR) then text = painted(text) end
  io.stderr:write(text, "\n")
end
