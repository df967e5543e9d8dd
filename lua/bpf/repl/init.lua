-- The prompt: reads Lua, runs it, prints what it gives, while events go on arriving.
local C = require "bpf.ffi_api"
local bpf = require "bpf"
local compiler = require "bpf.compiler"
local complete = require "bpf.repl.complete"
local errors = require "bpf.errors"
local evaluate = require "bpf.repl.evaluate"
local handle = require "bpf.quick.handle"
local help = require "bpf.repl.help"
local history = require "bpf.repl.history"
local host = require "bpf.host"
local inspect = require "bpf.repl.inspect"
local lines = require "bpf.lines"
local loop = require "bpf.loop"
local map = require "bpf.map"
local map_table = require "bpf.repl.map_table"
local output = require "bpf.output"
local quick = require "bpf.quick"

local M = {}

local PROMPT, CONTINUATION = "> ", ">> "

local LEAVE = setmetatable({}, { __tostring = function() return "leave" end })

---@class bpf.Prompt
---@field environment table
---@field report fun(err: any)
---@field unfinished string? what has been typed of a chunk that goes on

local function environment()
  local names = { bpf = bpf, help = help.show }
  for name, value in pairs(quick) do
    if name ~= "show_all" then names[name] = value end
  end
  names.running = help.running
  names.quit = function() error(LEAVE, 0) end
  names.exit = names.quit
  return setmetatable(names, { __index = _G })
end

--- Whether the line itself has started a probe.
local function is_new(probe, before)
  for _, each in ipairs(before) do
    if each == probe then return false end
  end
  return probe.object ~= nil
end

--- Shows the values of what was typed: a map and a probe that has counted with what is
--- in them.
---@param values any[]
---@param before bpf.quick.Handle[] the probes that ran before
local function show(values, before)
  local value = values[1]
  if #values == 1 and map.is_map(value) then return map_table.print(value) end
  local shown = {}
  for i = 1, #values do shown[i] = inspect.text(values[i]) end
  if #shown > 0 then io.write(table.concat(shown, "  "), "\n") end
  if #values == 1 and handle.is_handle(value) and not is_new(value, before) then
    value:show()
  end
end

--- Runs what is typed. Returns whether the prompt goes on.
local function run(self, chunk)
  local before = quick.running()
  local results = { evaluate.run(chunk, self.environment) }
  if results[1] then
    if results[2] ~= nil then rawset(self.environment, "_", results[2]) end
    local ok, err = xpcall(show, errors.with_traceback, { unpack(results, 2) }, before)
    if not ok then self.report(err) end
  elseif results[2] == LEAVE then
    return false
  elseif results[2] == evaluate.INTERRUPTED then
    io.stderr:write("interrupted\n")
  elseif results[2] == loop.ENDED then
    return not loop.output_closed
  else
    self.report(results[2])
  end
  return true
end

--- One line. Returns whether the prompt goes on.
local function enter(self, line)
  local text = self.unfinished and self.unfinished .. "\n" .. line or line
  if not text:find("%S") then
    self.unfinished = nil
    return true
  end
  local chunk, why = evaluate.compile(text)
  if not chunk and why == true then
    self.unfinished = text
    return true
  end
  self.unfinished = nil
  if chunk then return run(self, chunk) end
  self.report(errors.new { stage = "script", code = "invalid", message = why })
  return true
end

--- Lines of standard input that is no terminal: no prompt, nothing else is different.
local function read_plainly(self)
  for line in io.lines() do
    if not enter(self, line) then return end
  end
  if self.unfinished then
    self.report(errors.new { stage = "script", code = "invalid",
                             message = "the input ends in the middle of a statement" })
  end
  if #quick.running() > 0 and loop.settings.duration then loop.run() end
  quick.show_all()
end

--- Lays the line out again when the terminal has another size.
local function follow_size(editor)
  local descriptor = editor:size_descriptor()
  if descriptor < 0 then return nil end
  return loop.add(descriptor, function()
    editor:resize()
    return 0
  end)
end

--- The loop while a line is edited: returns the line, "" after Ctrl-C, nil at the end.
local function read_line(self, editor)
  local entered, over
  local hidden = false
  local function drain()
    -- Looked at first: the end of a run drains once more, and a read would wait.
    while not entered and not over and lines.readable(0) do
      local state, line = editor:read()
      if state ~= "editing" then
        entered, over = line, state == "end"
        loop.stop()
      end
    end
    return 0
  end
  editor:prompt(self.unfinished and CONTINUATION or PROMPT)
  output.set_before_write(function()
    if not hidden then editor:hide() end
    hidden = true
  end)
  loop.on_idle = function()
    if hidden then editor:show() end
    hidden = false
  end
  local source, resized = loop.add(0, drain), follow_size(editor)
  local ok, why = pcall(loop.run)
  loop.remove(source)
  if resized then loop.remove(resized) end
  output.set_before_write(nil)
  loop.on_idle = nil
  if not ok then error(why, 0) end
  if why == "interrupt" then
    editor:cancel()
    self.unfinished = nil
    return ""
  end
  if over or loop.output_closed then
    io.write("\n")
    return nil
  end
  return entered or ""
end

local function read_terminal(self)
  local function words(line, first, last)
    return complete.words(self.environment, line, first, last)
  end
  local editor = errors.check(host.line_editor(history.file(host.is_own_folder), words))
  local last
  repeat
    local line = read_line(self, editor)
    if line and line:find("%S") and line ~= last then
      editor:remember(line)
      last = line
    end
  until not line or not enter(self, line)
  editor:close()
end

--- Runs the prompt until Ctrl-D, quit() or the end of the input.
---@param report fun(err: any) prints an error as the program does
function M.run(report)
  local self = { environment = environment(), report = report }
  loop.settings.interactive = true
  local counting = host.count_runs() -- for running(); a kernel that cannot shows zeros
  loop.on_error = function(err, stop, what)
    stop(what)
    report(err)
    io.stderr:write("this handler has been stopped; the others go on\n")
  end
  if host.is_terminal() then
    pcall(compiler.start) -- gets ready while the first line is typed
    io.stderr:write("ebpf-lua: help() shows what there is, Ctrl-D leaves\n")
    read_terminal(self)
  else
    read_plainly(self)
  end
  if counting then counting:close() end
  C.ebl_flush()
end

return M
