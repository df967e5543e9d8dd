--- Running a tool of scripts/ in the background, and commands beside it.
local harness = require "harness"
local support = require "support"

local it, expect = harness.it, harness.expect

local M = {}

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local folder = here .. "../../scripts/"
local actor = support.quote(support.program) .. " " .. here .. "actor.lua "

--- The command line of a tool: shell words.
function M.command(name, arguments)
  return ("%s %s%s.lua %s"):format(support.quote(support.program), folder, name,
                                   arguments or "")
end

--- The command line of actor.lua.
function M.actor(arguments)
  return actor .. arguments
end

--- Runs actor.lua in a process of its own; its id, its parent's, and the numbers that it
--- printed, in order.
---@param words string
---@return integer pid
---@return integer ppid
---@return number[] results
function M.act(words)
  local result = support.sh(M.actor(words) .. "; true") -- else the shell becomes it
  local pid, ppid, rest = result.out:match("^(%d+) (%d+)\n(.*)$")
  assert(pid, result.out .. result.err)
  local results = {}
  for value in rest:gmatch("%-?%d+") do results[#results + 1] = tonumber(value) end
  return tonumber(pid), tonumber(ppid), results
end

--- As act(), but `fn(pid)` runs beside it.
---@param words string
---@param fn fun(pid: integer)
---@return integer pid
---@return number[] results
function M.act_beside(words, fn)
  local pipe = assert(io.popen("exec " .. M.actor(words)))
  local pid, results = tonumber(pipe:read("*l"):match("%d+")), {}
  fn(pid)
  for value in pipe:read("*a"):gmatch("%-?%d+") do
    results[#results + 1] = tonumber(value)
  end
  pipe:close()
  return pid, results
end

local read = support.read_so_far

--- Calls `fn` until it returns something true, which is returned.
---@param what string|fun(): string
---@param fn fun(): any
function M.wait_for(what, fn)
  return support.eventually(fn)
    or error("waited in vain for " .. (type(what) == "function" and what() or what), 2)
end

---@class Tool
local Tool = {}
Tool.__index = Tool

function Tool:out() return read(self.folder .. "/out") end
function Tool:err() return read(self.folder .. "/err") end

--- The lines of standard output so far.
function Tool:lines()
  local lines = {}
  for line in self:out():gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  return lines
end

--- The lines that `accept` (a pattern, or a function) takes, once there are at least
--- `count` (default 1).
function Tool:wait_lines(accept, count)
  local test = accept
  if type(accept) == "string" then test = function(line) return line:find(accept) end end
  return M.wait_for(function()
    return ("%s; got:\n%s%s"):format(tostring(accept), self:out():sub(-2000), self:err())
  end, function()
    local found = {}
    for _, line in ipairs(self:lines()) do
      if test(line) then found[#found + 1] = line end
    end
    if #found >= (count or 1) then return found end
    if self:code() then error("the tool has ended: " .. self:err(), 0) end
  end)
end

--- As wait_lines() for the lines where one of the words is the number `id`.
function Tool:rows_of(id, count)
  return self:wait_lines("%f[%w]" .. id .. "%f[%W]", count)
end

--- Its exit code, once it has ended.
function Tool:code()
  return tonumber(read(self.folder .. "/code"))
end

function Tool:signal(name)
  support.sh(("kill -%s %s"):format(name, read(self.folder .. "/pid")))
end

--- Ends it as Ctrl-C does; returns its exit code.
function Tool:stop()
  self:signal("INT")
  return M.wait_for("the tool to end", function() return self:code() end)
end

--- Writes a line to its standard input.
function Tool:type(line)
  self.input:write(line, "\n")
  self.input:flush()
end

local function close(self)
  if not self:code() then
    self:signal("KILL")
    M.wait_for("the tool to die", function() return self:code() end)
  end
  if self.input then self.input:close() end
  support.sh("rm -rf " .. self.folder)
end

local function start(command, options)
  local self = setmetatable({ folder = support.sh("mktemp -d").out:match("%S+") }, Tool)
  local stdin = "/dev/null"
  if options.input then
    stdin = self.folder .. "/in"
    support.sh("mkfifo " .. stdin)
    self.input = assert(io.open(stdin, "r+"))
  end
  if options.netns then
    command = ("ip netns exec %s %s"):format(options.netns, command)
  end
  local inner = ("echo $$ >%s/pid; exec %s"):format(self.folder, command)
  os.execute(("(timeout -k 1 %d bash -c %s <%s >%s/out 2>%s/err; echo $? >%s/code) &")
             :format(150 * support.patience, support.quote(inner), stdin, self.folder,
                     self.folder, self.folder))
  return self
end

--- Starts a tool and calls `fn(tool)` once it is attached, which shows by its header, by
--- what it says on standard error (`options.banner`) or, where it has neither, by what it
--- prints of `options.warm_up`, a shell command or a function. Always ends the tool.
---@param name string
---@param arguments string shell words
---@param options {netns: string?, warm_up: string|fun()?, input: boolean?,
---banner: string?}
---@param fn fun(tool: Tool)
function M.with(name, arguments, options, fn)
  local self = start(M.command(name, arguments), options)
  local ok, err = xpcall(function()
    M.wait_for("the tool to attach", function()
      if self:code() then error("the tool has ended:\n" .. self:err(), 0) end
      if options.warm_up and self:out() == "" then
        if type(options.warm_up) == "string" then
          support.sh(options.warm_up)
        else
          options.warm_up()
        end
      end
      if options.banner then return self:err():find(options.banner, 1, true) end
      return self:out() ~= ""
    end)
    fn(self)
  end, function(e) return type(e) == "table" and e or debug.traceback(tostring(e), 2) end)
  close(self)
  if not ok then error(err, 0) end
end

--- What `date +%H:%M:%S` could have said from then to now.
---@param from integer os.time() before
function M.clock_since(from)
  local times = {}
  for second = from, os.time() do times[os.date("%H:%M:%S", second)] = true end
  return times
end

--- Starts `count` getppid calls in a process of its own once run() is called.
---@return {pid: integer, run: fun()}
function M.caller(count)
  local gate = os.tmpname()
  local pipe = io.popen("exec " .. M.actor(("getppid %d %s"):format(count, gate)))
  local pid = tonumber(pipe:read("*l"):match("%d+"))
  return { pid = pid, run = function()
    os.remove(gate)
    M.wait_for("the calls", function() return io.open(gate .. ".done") end):close()
    os.remove(gate .. ".done")
    pipe:close()
  end }
end

--- How often the process's first thread has been taken off a CPU.
---@param pid integer|string
function M.switches(pid)
  local sum = 0
  for count in support.read(("/proc/%s/status"):format(pid))
                      :gmatch("ctxt_switches:%s*(%d+)") do
    sum = sum + tonumber(count)
  end
  return sum
end

--- The histogram of a section, or the only one, of a tool's text: {{min, max, count}},
--- and the sum of the counts.
---@param text string
---@param title string? "pid = 181"
function M.histogram(text, title)
  local at = title and text:find("\n" .. title .. "\n", 1, true) or not title and 1
  if not at then error("no section " .. title .. " in\n" .. text:sub(1, 2000), 2) end
  local rows, sum = {}, 0
  for line in text:sub(at + #(title or "") + 2):gmatch("[^\n]+") do
    local min, max, count = line:match("^ *(%d+) %-> (%d+) +: (%d+) +|%**%s*|$")
    if min then
      rows[#rows + 1] = { min = tonumber(min), max = tonumber(max),
                          count = tonumber(count) }
      sum = sum + tonumber(count)
    elseif #rows > 0 then
      break
    end
  end
  return rows, sum
end

--- A test of what no kernel changes, as the forms of output of rows that another test
--- sees on each kernel: it is left out in a machine.
function M.it_on_host(name, fn)
  if not support.in_machine then it(name, fn) end
end

--- What every tool does alike, on every kernel, and is tested on the host alone for
--- that: help, mistakes, -d, a closed pipe. `options.banner`: what it says on standard
--- error when it is attached; `options.arguments`: what it is always given;
--- `options.duration`: where -d is something else.
function M.common_tests(name, options)
  if support.in_machine then return end
  local arguments = options.arguments and options.arguments .. " " or ""
  local command = M.command(name, arguments)
  local banner = options.banner and options.banner .. "... Hit Ctrl-C to end.\n" or ""
  it("explains itself with examples", function()
    local result = support.sh(command .. "-h")
    expect.equal({ result.code, result.err }, { 0, "" })
    expect.truthy(result.out:find("Usage: " .. name, 1, true), result.out)
    expect.truthy(result.out:find("Examples:\n  " .. name, 1, true), result.out)
    for _, option in ipairs(options.all) do
      expect.truthy(result.out:find(option, 1, true), "help without " .. option)
    end
  end)

  it("refuses mistakes with exit code 2", function()
    for words, message in pairs(options.mistakes) do
      local result = support.sh(command .. words)
      expect.equal({ result.code, result.out }, { 2, "" })
      expect.truthy(result.err:find(message, 1, true), words .. " says: " .. result.err)
    end
  end)

  it("ends after -d seconds, and quietly when nobody reads", function()
    local before = os.time()
    local timed = command .. (options.duration or "-d") .. " 1"
    local result = support.sh(timed)
    expect.equal({ result.code, result.err }, { 0, banner })
    expect.truthy(os.time() - before < 30 * support.patience, "seconds")
    result = support.sh(("set -o pipefail; %s | head -1 >/dev/null"):format(timed))
    expect.equal({ result.code, result.err }, { 0, banner })
  end)

  it("ends with exit code 0 on Ctrl-C and SIGTERM", function()
    M.with(name, arguments, options, function(tool) expect.equal(tool:stop(), 0) end)
    M.with(name, arguments, options, function(tool)
      tool:signal("TERM")
      expect.equal(M.wait_for("the end", function() return tool:code() end), 0)
      expect.equal(tool:err(), banner)
    end)
  end)
end

return M
