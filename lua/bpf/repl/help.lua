-- help() and running(): what the prompt says about itself.
local errors = require "bpf.errors"
local handle = require "bpf.quick.handle"
local nearest = require "bpf.nearest"
local output = require "bpf.output"

local M = {}

---@class bpf.HelpEntry
---@field [1] string the call
---@field [2] string what it does
---@field [3] string an example

-- In the order in which help() lists them.
---@type {[1]: string, [2]: bpf.HelpEntry}[]
local TOPICS = {
  { "trace", { "trace(probe, columns, {filter=})", "prints a row for each event",
               'trace("tracepoint:sched:sched_process_exec", "pid, comm")' } },
  { "count", { "count(probe, key, {filter=})", "counts events by a key",
               'count("tracepoint:syscalls:sys_enter_*", "probe")' } },
  { "hist", { "hist(probe, value, {by=, filter=})", "a histogram by powers of two",
              'hist("tracepoint:syscalls:sys_exit_read", "args->ret")' } },
  { "lhist", { "lhist(probe, value, low, high, step)", "a histogram by equal steps",
               'lhist("tracepoint:syscalls:sys_exit_read", "args->ret", 0, 4096, 64)' } },
  { "stats", { "stats(probe, value, {by=, filter=})", "sum, average, least and most",
               'stats("tracepoint:syscalls:sys_exit_read", "args->ret")' } },
  { "latency", { "latency(probe, {by=, unit=})", "the time from entry to return",
                 'latency("tracepoint:syscalls:sys_enter_fsync", {unit = "us"})' } },
  { "stacks", { "stacks(probe, {by=, user=})", "counts stacks",
                'stacks("tracepoint:sched:sched_switch", {by = "comm"})' } },
  { "profile", { "profile(hertz, {pid=})", "samples stacks on every CPU",
                 "profile(99)" } },
  { "top", { "top(probe, key, {every=})", "the largest counts, again and again",
             'top("tracepoint:raw_syscalls:sys_enter", "comm")' } },
  { "running", { "running()", "the probes that run", "running()" } },
  { "p", { "p:show() p:data p:edit{filter=} p:stop()", "what a probe can do",
           'p = count("tp_btf:sched_switch", "comm"); p:edit{filter = "uid == 0"}' } },
  { "columns", { '"pid, comm, str(args->filename)"',
                 "C expressions; pid tid uid gid comm cpu nsecs args->NAME arg0 retval "
                 .. "str() kstack",
                 'trace("tracepoint:syscalls:sys_enter_openat", '
                 .. '"comm, str(args->filename)")' } },
  { "bpf", { "bpf.load{source=…}", "whole C programs: docs/api.md",
             "bpf.btf.type(\"task_struct\").size" } },
  { "quit", { "quit()", "leaves, as Ctrl-D does; everything is detached", "quit()" } },
}

--- help() lists what there is; help "latency" tells more, with an example.
---@param topic string?
function M.show(topic)
  if topic == nil then
    for _, entry in ipairs(TOPICS) do
      io.write(("  %-42s %s\n"):format(entry[2][1], entry[2][2]))
    end
    io.write('\n  help "latency" has an example; Tab completes names, probes, fields\n')
    return
  end
  for _, entry in ipairs(TOPICS) do
    if entry[1] == topic then
      io.write(("%s\n  %s\n  > %s\n"):format(entry[2][1], entry[2][2], entry[2][3]))
      return
    end
  end
  errors.misuse(("no help on '%s'"):format(tostring(topic)),
                nearest.hint(tostring(topic), M.topics(), "topics"))
end

---@return string[] what help has a text on
function M.topics()
  local names = {}
  for i, entry in ipairs(TOPICS) do names[i] = entry[1] end
  return names
end

--- The probes that run, with what they cost.
function M.running()
  local tbl = output.api.table {
    { name = "probe", width = 50 }, { name = "hits", width = 10, align = "right" },
    { name = "lost", width = 6, align = "right" },
    { name = "ns", unit = "event", width = 9, key = "ns_per_event", align = "right" },
  }
  tbl:header()
  for _, each in ipairs(handle.running) do tbl:row(each:statistics()) end
end

return M
