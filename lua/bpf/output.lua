-- Stage 8, emit: standard output as scripts see it. Tables, histograms and print honour
-- --json and --csv, which the command line or bpf.cli has put into `settings`.
local C = require "bpf.ffi_api"
local color = require "bpf.color"
local emit = require "bpf.emit"
local flame_graph = require "bpf.emit.flame_graph"
local fast = require "bpf.print"
local errors = require "bpf.errors"
local loop = require "bpf.loop"
local lines = require "bpf.lines"

local M = {}

local settings = loop.settings
local EPIPE = 32

local stdout = { is_tty = C.ebl_output_is_terminal() ~= 0 }

--- Standard output becomes a file, from now on.
---@param path string
local function redirect(path)
  settings.output_before = errors.check(require("bpf.host").redirect_output(path))
  stdout.is_tty = false
end

local function closed()
  loop.output_closed = true
  loop.stop()
  error(loop.ENDED, 0)
end

local function refused(result)
  if result == -EPIPE then closed() end
  error(loop.write_error(-result), 0)
end

--- Called before anything is written to the terminal: the prompt makes room.
---@type fun()?
local before_write

function stdout:write(text) -- luacheck: ignore 212
  if before_write then before_write() end
  local result = C.ebl_write(text, #text)
  if result ~= 0 then refused(result) end
end

local file_write = io.stdout.write

--- file:write, which on standard output ends the program too when nobody reads it. Not
--- Lua's own there: a compiled trace that sees it fail does it again, and that succeeds,
--- because stdio has thrown the text away.
local function write(file, ...)
  if before_write and (file == io.stdout or file == io.stderr) then before_write() end
  if file ~= io.stdout then return file_write(file, ...) end
  for place = 1, select("#", ...) do
    local value = select(place, ...)
    if type(value) ~= "string" and type(value) ~= "number" then
      errors.misuse(("write takes strings and numbers, got a %s"):format(type(value)))
    end
    local text = tostring(value)
    local result = C.ebl_write(text, #text)
    if result == -EPIPE then closed() end
    if result ~= 0 then return nil, (select(2, errors.errno(result))), -result end
  end
  return true
end

--- Puts print, io.write and file:write in the place of Lua's own.
local function install()
  print = M.print -- luacheck: ignore 121
  getmetatable(io.stdout).__index.write = write
  io.write = function(...) return write(io.output(), ...) end -- luacheck: ignore 122
end

local made, made_mode

--- The output in the mode that is in force now.
local function out()
  local mode = settings.json and "json" or settings.csv and "csv" or "table"
  if made_mode ~= mode then
    local format = color.is_on(color.STDOUT) and color.paint("header", "%s") or nil
    made, made_mode = emit.new(stdout, { mode = mode, header_format = format }), mode
  end
  return made
end

--- Joins its arguments by tabs and ends the line: numbers and 64-bit integers alike,
--- tables and views by their content, other users' control characters escaped on a
--- terminal.
function M.print(...)
  local result
  if settings.json then
    if before_write then before_write() end
    result = fast.json(...)
  elseif not settings.csv and not stdout.is_tty then
    result = fast.text(...)
  end
  if result == nil then
    out():print(...)
  elseif result ~= 0 then
    refused(result)
  end
end

--- A table with these columns; rows go out as they come (tbl:row{...}).
---@param columns bpf.Column[]
---@return bpf.Table
function M.table(columns)
  return out():table(columns)
end

--- Counts by powers of two.
---@param data bpf.Map|table slot -> count
---@param options bpf.HistogramOptions?
function M.print_log2_hist(data, options)
  out():log2_hist(data, options)
end

--- Counts by value.
---@param data bpf.Map|table slot -> count
---@param options bpf.HistogramOptions?
function M.print_linear_hist(data, options)
  out():linear_hist(data, options)
end

--- The `most` largest counts with their keys.
---@param data bpf.Map|table key -> count
---@param most integer?
---@param options {key: string?, count: string?}? column names
function M.print_top(data, most, options)
  out():top(data, most, options)
end

--- A flame graph of folded stacks: the text of an SVG or HTML file.
M.flame_graph = flame_graph.render

--- Calls `fn(line)` for each line of standard input while the loop runs.
M.each_line = lines.of_input

--- Whether rows are text for people.
local function is_text()
  return out().mode == "table"
end

--- @param fn fun()? see before_write
local function set_before_write(fn) before_write = fn end

return { api = M, redirect = redirect, set_before_write = set_before_write,
         install = install, is_text = is_text,
         is_terminal = function() return is_text() and stdout.is_tty end }
