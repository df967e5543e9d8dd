-- Command lines of tools: lua-argparse with the flags that every tool has.
--
--   local args = cli.parse {
--     name = "execsnoop", summary = "Trace new processes.",
--     options = { { "-x --failed", "include failed execs" },
--                 { "-u --uid", "this user", argument = "UID", convert = cli.uid } },
--     examples = { { "execsnoop -x", "failed ones too" } },
--   }
local argparse = require "argparse"
local C = require "bpf.ffi_api"
local command = require "bpf.command"
local output = require "bpf.output"
local look_up = require "bpf.look_up"
local loop = require "bpf.loop"

local M = {}

local LAST_SIGNAL, LAST_ERRNO = 64, 133

local started = C.ebl_monotonic_ns()

--- Seconds from the start of the program to a bpf_ktime_get_ns() value: what -t shows.
---@param ktime number|ffi.cdata* nanoseconds
---@return number
function M.elapsed(ktime)
  return tonumber(ktime - started) / 1e9
end

---@class bpf.CliOption
---@field [1] string "-x --failed"; the long name is the key in the result
---@field [2] string what it does
---@field argument string? the placeholder of its value; without it, a flag
---@field convert (fun(text: string): any, string?)? value, or nil and what is wrong
---@field default any
---@field required boolean? of a positional argument

--- A whole number of at least 0.
function M.number(text)
  local value = tonumber(text)
  if value and value >= 0 and value == math.floor(value) then return value end
  return nil, ("'%s' is not a whole number"):format(text)
end

--- Whole numbers with commas between them: "181,182".
function M.numbers(text)
  local list = {}
  for word in (text .. ","):gmatch("([^,]*),") do
    if not word:match("^%d+$") then
      return nil, ("'%s' is no number, nor a list of them"):format(text)
    end
    list[#list + 1] = tonumber(word)
  end
  return list
end

--- A whole number of at least 1.
function M.positive(text)
  local value = tonumber(text)
  if value and value >= 1 and value == math.floor(value) then return value end
  return nil, ("'%s' is not a whole number above 0"):format(text)
end

--- A whole number.
function M.integer(text)
  local value = tonumber(text)
  if value and value == math.floor(value) then return value end
  return nil, ("'%s' is not a whole number"):format(text)
end

--- A signal by number or name: "9", "KILL", "SIGKILL".
function M.signal(text)
  if text:match("^%d+$") then return tonumber(text) end
  local name = text:upper():gsub("^SIG", "")
  for number = 1, LAST_SIGNAL do
    if look_up.signal_name(number) == name then return number end
  end
  return nil, ("no signal '%s'"):format(text)
end

--- An errno value by number or name: "2", "ENOENT".
function M.errno(text)
  if text:match("^%d+$") then return tonumber(text) end
  for number = 1, LAST_ERRNO do
    if look_up.errno(number) == text:upper() then return number end
  end
  return nil, ("no error '%s'"):format(text)
end

--- A positive number of seconds.
function M.seconds(text)
  local value = tonumber(text)
  if value and value > 0 then return value end
  return nil, ("'%s' is not a positive number of seconds"):format(text)
end

--- A user id or a login name.
function M.uid(text)
  if text:match("^%d+$") then return tonumber(text) end
  for line in io.lines("/etc/passwd") do
    local name, id = line:match("^([^:]+):[^:]*:(%d+):")
    if name == text then return tonumber(id) end
  end
  return nil, ("no user '%s'"):format(text)
end

--- Options that tools share, and what goes with them.
M.TIME = { "-T --time", "time of day" }
M.TIMESTAMP = { "-t --timestamp", "seconds since the start" }

--- The columns of a tool, those of -T and -t first, without those whose `when` is false.
---@param args table<string, any> what parse() gave
---@param columns (bpf.Column|{when: any})[]
---@return bpf.Column[]
function M.columns(args, columns)
  local all = {}
  if args.time then all[1] = { name = "TIME", width = 8 } end
  if args.timestamp then
    all[#all + 1] = { name = "TIME", unit = "s", key = "seconds", width = 9,
                      align = "left", format = "%.6f" }
  end
  for _, column in ipairs(columns) do
    if column.when == nil or column.when then all[#all + 1] = column end
  end
  return all
end

--- What the columns of -T and -t show of an event.
---@param args table<string, any>
---@param ktime number|ffi.cdata* nanoseconds
---@return string? time
---@return number? seconds
function M.times(args, ktime)
  return args.time and look_up.time(ktime) or nil,
         args.timestamp and M.elapsed(ktime) or nil
end

local function add_option(parser, entry)
  if not entry.argument then
    parser:flag(entry[1], entry[2])
    return
  end
  local option = parser:option(entry[1], entry[2]):argname("<" .. entry.argument .. ">")
  if entry.convert then option:convert(entry.convert) end
  if entry.default ~= nil then option:default(tostring(entry.default)) end
end

local function epilog(tool)
  if not tool.examples then return nil end
  local lines = { "Examples:" }
  for _, example in ipairs(tool.examples) do
    lines[#lines + 1] = ("  %-32s %s"):format(example[1], example[2])
  end
  return table.concat(lines, "\n")
end

--- The tool's own option by that name.
local function flag_of(tool, flag)
  for _, entry in ipairs(tool.options) do
    for word in entry[1]:gmatch("%S+") do
      if word == flag then return entry end
    end
  end
  return nil
end

local function refuse_both(tool, result, one, other)
  if not (result[one] and result[other]) then return end
  io.stderr:write(tool.name, ": --", one, " and --", other, " exclude each other\n")
  os.exit(2)
end

--- Reads the script's arguments. -h prints the help and ends; a mistake ends with exit
--- code 2. What -d, --json and --csv say is already in force when it returns.
---@class bpf.Tool
---@field name string
---@field summary string
---@field options bpf.CliOption[]
---@field positional bpf.CliOption[]?
---@field exclusive string[]? two long names of which one may be given
---@field examples string[][]? command and what it shows

---@param tool bpf.Tool
---@param words string[]? default: the script's arguments
---@return table<string, any>
function M.parse(tool, words)
  local parser = argparse(tool.name, tool.summary, epilog(tool))
  for _, entry in ipairs(tool.options) do add_option(parser, entry) end
  for _, entry in ipairs(tool.positional or {}) do
    local argument = parser:argument(entry[1], entry[2])
    if not entry.required then argument:args("?") end
    if entry.convert then argument:convert(entry.convert) end
  end
  add_option(parser, { flag_of(tool, "-d") and "--duration" or "-d --duration",
                       "stop after so many seconds", argument = "SECONDS",
                       convert = M.seconds })
  if not flag_of(tool, "--json") then
    add_option(parser, { "--json", "one JSON object a line" })
  end
  add_option(parser, { "--csv", "comma-separated values" })
  local settings = loop.settings
  local own_command = not flag_of(tool, "-c")
  if own_command then
    add_option(parser, { "-c --command", "run CMD, look at it only, and end with it",
                         argument = "CMD" })
  end
  local own_output = not flag_of(tool, "-o")
  if own_output then
    add_option(parser, { "-o --output", "write to a file", argument = "FILE" })
  end
  local ok, result = parser:pparse(words or arg)
  if not ok then
    io.stderr:write(("%s: %s\nTry '%s --help'.\n"):format(tool.name, result, tool.name))
    os.exit(2)
  end
  refuse_both(tool, result, "json", "csv")
  if tool.exclusive then refuse_both(tool, result, unpack(tool.exclusive)) end
  settings.duration = result.duration or settings.duration
  if result.json or result.csv then
    settings.json, settings.csv = result.json or false, result.csv or false
  end
  if own_output and result.output then output.redirect(result.output) end
  if own_command and result.command and not settings.dry_run then
    command.start(result.command)
  end
  local of_process = flag_of(tool, "--pid")
  if of_process and result.pid == nil and settings.pid then
    local convert = of_process.convert or tostring
    result.pid = convert(tostring(settings.pid))
  end
  return result
end

return M
