--- A real terminal of a known size (tmux), with a command in it: keys go in, and what
--- somebody would see comes out.
local support = require "support"

local M = {}

---@class test.Screen
---@field socket string
local Screen = {}
Screen.__index = Screen

local function tmux(self, words)
  local result = support.sh(("tmux -f /dev/null -S %s %s"):format(self.socket, words))
  if result.code ~= 0 then error(("tmux %s: %s"):format(words, result.err), 2) end
  return result.out
end

--- Starts a shell command on a screen, which stays when the command has ended.
---@param command string
---@param columns integer? default 100
---@param rows integer? default 24
---@return test.Screen
function M.start(command, columns, rows)
  local folder = support.sh("mktemp -d").out:match("%S+")
  local self = setmetatable({ folder = folder, socket = folder .. "/socket" }, Screen)
  local whole = ("trap : INT; %s; echo $? >%s/code; exec sleep 1000")
                :format(command, folder)
  local shell = ("env XDG_STATE_HOME=%s LANG=C.UTF-8 sh -c %s"):format(
    folder, support.quote(whole))
  tmux(self, ("-u start-server ';' set -g status off ';' set -g default-terminal screen "
              .. "';' new-session -d -x %d -y %d %s")
             :format(columns or 100, rows or 24, support.quote(shell)))
  return self
end

--- Keys by their names in tmux: "Enter", "C-c", "Left".
function Screen:keys(...)
  tmux(self, "send-keys " .. table.concat({ ... }, " "))
end

--- Types a text, and Enter with `enter`.
function Screen:type(text, enter)
  tmux(self, "send-keys -l -- " .. support.quote(text))
  if enter then self:keys("Enter") end
end

--- Enters a line.
function Screen:enter(line)
  self:type(line, true)
end

--- Pastes a text as a terminal does: all of it at once.
function Screen:paste(text)
  local path = self.folder .. "/pasted"
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  tmux(self, ("load-buffer %s ';' paste-buffer"):format(path))
end

--- Another size, once the command can see it.
function Screen:resize(columns, rows)
  tmux(self, ("resize-window -x %d -y %d"):format(columns, rows))
  local name = tmux(self, "display-message -p '#{pane_tty}'"):match("%S+")
  local wanted = ("%d %d\n"):format(rows, columns)
  assert(support.eventually(function()
    return support.sh("stty size <" .. name).out == wanted
  end), "the terminal has the new size")
end

--- What is on the screen: rows without the blanks at their ends. With `all`, also the
--- rows that have gone out at the top.
---@param all boolean?
---@return string
function Screen:text(all)
  local text = tmux(self, "capture-pane -p" .. (all and " -S -1000" or ""))
  return (text:gsub(" +\n", "\n"):gsub("\n+$", "\n"))
end

--- Where the cursor is, from 0.
---@return integer column
---@return integer row
function Screen:cursor()
  local column, row = tmux(self, "display-message -p '#{cursor_x} #{cursor_y}'")
                      :match("(%d+) (%d+)")
  return tonumber(column), tonumber(row)
end

--- The rows, once a pattern is found in them. An error shows what is there instead.
---@param pattern string
---@param all boolean?
---@return string
function Screen:expect(pattern, all)
  local text
  local function is_there()
    text = self:text(all)
    return text:find(pattern)
  end
  if not support.eventually(is_there) then
    error(("no '%s' on the screen:\n%s"):format(pattern, text), 2)
  end
  return text
end

--- What a command has written to a file in the screen's folder ($XDG_STATE_HOME), once
--- there is something.
---@param name string
---@return string
function Screen:written(name)
  local function read()
    local text = support.read_so_far(self.folder .. "/" .. name)
    return text ~= "" and text
  end
  return support.eventually(read) or error("nothing in " .. name, 2)
end

--- Waits until the command has ended: its exit code.
---@return integer?
function Screen:code()
  return tonumber(self:written("code"))
end

function Screen:close()
  support.sh(("tmux -S %s kill-server; rm -rf %s"):format(self.socket, self.folder))
end

--- Runs fn(screen), and closes the screen whatever happens.
---@param command string
---@param fn fun(screen: test.Screen)
---@param columns integer?
---@param rows integer?
function M.with(command, fn, columns, rows)
  local self = M.start(command, columns, rows)
  local ok, err = xpcall(fn, function(e)
    return type(e) == "string" and debug.traceback(e, 2) or e
  end, self)
  self:close()
  if not ok then error(err, 0) end
end

return M
