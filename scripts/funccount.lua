#!/usr/bin/env ebpf-lua
-- funccount: calls of functions, tracepoints and static probes, counted by name.
--
--   funccount 'vfs_*'                 functions of the kernel, at Ctrl-C
--   funccount -i 1 'tcp_send*'        every second
--   funccount -d 5 libc:malloc        of a library, for five seconds
--   funccount -p 181 './server:on_*'  of a program, in one process
--   funccount 't:sched:*'             tracepoints
--   funccount 'u:libc:mutex_*'        static probes (USDT)
--
-- The busiest comes last. The names are those of the symbol table.
local bpf = require "bpf"
local cli = require "bpf.cli"
local quick = require "bpf.quick"
local report = require "bpf.report"
local pattern = require "functions.pattern"

local args = cli.parse {
  name = "funccount",
  summary = "Count functions, tracepoints, and USDT probes.",
  options = {
    { "-p --pid", "only this process", argument = "PID", convert = cli.number },
    { "-i --interval", "print every so many seconds", argument = "SECONDS",
      convert = cli.seconds },
    { "-T --time", "time of day before each output" },
    { "-r --regexp", "the pattern is a regular expression, not one with * and ?" },
  },
  positional = {
    { "pattern", "FUNC, LIB:FUNC, PATH:FUNC, t:CATEGORY:EVENT or u:LIB:PROBE",
      required = true },
  },
  examples = {
    { "funccount 'vfs_*'", "kernel functions, until Ctrl-C" },
    { "funccount -r '^vfs_(read|write)$'", "by regular expression" },
    { "funccount -Ti 5 'vfs_*'", "every five seconds, with the time" },
    { "funccount -d 10 'vfs_*'", "for ten seconds" },
    { "funccount -p 185 'vfs_*'", "one process" },
    { "funccount 't:sched:sched_fork'", "a tracepoint" },
    { "funccount libc:malloc", "a function of a library" },
    { "funccount 'u:libc:mutex_*'", "static probes" },
  },
}

local set = pattern.find(args.pattern, args.regexp)
local specs = {}
for i, name in ipairs(set.names) do specs[i] = set.prefix .. name end

local by = set.kind == "kprobe" and "func" or "probe"
local calls = quick.count(specs, by, { pid = args.pid })

--- What has been counted so far, by name.
local function counts()
  local sums = {}
  for _, row in ipairs(calls.data) do
    local name = by == "func" and row.func or row.probe:sub(#set.prefix + 1)
    sums[name] = row.count
  end
  return sums
end

local changes = report.changes(counts)

local function show()
  local list = {}
  for name, count in pairs(changes()) do
    list[#list + 1] = { func = name, count = count }
  end
  table.sort(list, function(a, b)
    if a.count ~= b.count then return a.count < b.count end
    return a.func < b.func
  end)
  local rows = bpf.table { { name = "FUNC", width = 36 },
                           { name = "COUNT", width = 8, align = "right" } }
  rows:header()
  for _, row in ipairs(list) do rows:row(row) end
end

local left_out = calls:left_out()
if left_out > 0 then
  io.stderr:write(("funccount: warning: %d of them cannot be probed\n"):format(left_out))
end
report.run(args, ("Tracing %d functions for '%s'"):format(#specs, args.pattern), show)
