-- Colours on terminals: --color says, else what the descriptor is, and NO_COLOR.
local settings = require "bpf.settings"
local writer = require "bpf.emit.writer"

local M = {}

M.STDOUT, M.STDERR = 1, 2

local CODES = { header = "1", failure = "1;31", warning = "1;35", hint = "1",
                text = "32", value = "36" }

local function is_set(name)
  local value = os.getenv(name)
  return value ~= nil and value ~= ""
end

M.is_terminal = writer.is_terminal

--- Whether what is written to a descriptor has colours.
---@param fd integer
---@return boolean
function M.is_on(fd)
  local mode = settings.color
  if mode == "always" then return true end
  if mode == "never" or is_set("NO_COLOR") then return false end
  local term = os.getenv("TERM")
  return is_set("TERM") and term ~= "dumb" and M.is_terminal(fd)
end

--- The text in a colour.
---@param kind "header"|"failure"|"warning"|"hint"|"text"|"value"
---@param text string
---@return string
function M.paint(kind, text)
  return ("\27[%sm%s\27[0m"):format(CODES[kind], text)
end

--- Without its colours: what has a width.
---@param text string
---@return string
function M.plain(text)
  return (text:gsub("\27%[[%d;]*m", ""))
end

return M
