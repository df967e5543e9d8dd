-- What there is to probe: -l, -l -v, --tools, bpf.list_probes, near misses.
local bpf = require "bpf"
local support = require "support"

local function lines_of(text)
  local lines = {}
  for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end
  return lines
end

local function list(pattern, options)
  local result = support.run(("-l %s %s"):format(options or "", support.quote(pattern)))
  expect.equal(result.code, 0)
  return result.out
end

local function expect_sorted(lines)
  for i = 2, #lines do
    expect.truthy(lines[i - 1] < lines[i], lines[i - 1] .. " before " .. lines[i])
  end
end

local function fails(arguments, code, ...)
  local result = support.run(arguments)
  expect.equal(result.code, code)
  for _, text in ipairs { ... } do
    expect.truthy(result.err:find(text, 1, true), text .. " in " .. result.err)
  end
end

describe("-l", function()
  it("lists the tracepoints of tracefs by pattern, sorted", function()
    local lines = lines_of(list("tracepoint:*exec*"))
    expect_sorted(lines)
    local events = support.sh("grep -rhs . $(awk '$3 == \"tracefs\" { print $2; exit }' "
                              .. "/proc/self/mounts)/available_events").out
    local wanted = {}
    for event in events:gmatch("[^\n]+") do
      if event:find("exec", 1, true) then wanted[#wanted + 1] = "tracepoint:" .. event end
    end
    table.sort(wanted)
    expect.equal(lines, wanted)
    expect.equal(bpf.list_probes("tracepoint:*exec*"), wanted)
  end)

  it("lists kernel functions, without a pattern of several kinds too", function()
    local lines = lines_of(list("kprobe:tcp_v4_*"))
    expect_sorted(lines)
    local named = {}
    for _, line in ipairs(lines) do named[line] = true end
    expect.truthy(named["kprobe:tcp_v4_rcv"], "tcp_v4_rcv")
    local all = list("*tcp_v4_rcv")
    expect.truthy(all:find("kprobe:tcp_v4_rcv\n", 1, true), all)
    expect.truthy(all:find("fentry:tcp_v4_rcv\n", 1, true), all)
  end)

  it("lists what a binary has", function()
    local text = list("uprobe:libc:mallo?")
    expect.equal(text, "uprobe:libc:malloc\n")
    expect.equal(bpf.list_probes("uprobe:libc:mallo?"), { "uprobe:libc:malloc" })
  end)

  it("lists interfaces, events and system calls", function()
    expect.truthy(("\n" .. list("xdp")):find("\nxdp:lo\n", 1, true), "lo")
    expect.equal(list("tcx:lo:*"), "tcx:lo:egress\ntcx:lo:ingress\n")
    expect.truthy(list("perf:*"):find("perf:cpu-clock\n", 1, true), "cpu-clock")
    local number = bpf.syscall_number("openat")
    expect.equal(list("syscall:openat"), ("syscall:openat %d\n"):format(number))
    expect.equal(list("syscall:openat", "--json"),
                 ('{"probe":"syscall:openat","number":%d}\n'):format(number))
  end)

  it("ends quietly when nobody reads on", function()
    local result = support.sh(("%s -l | head -1"):format(support.quote(support.program)))
    expect.equal(result.err, "")
    expect.equal(#lines_of(result.out), 1)
  end)

  it("says the same as JSON and CSV", function()
    expect.equal(list("tracepoint:sched:sched_switch", "--json"),
                 '{"probe":"tracepoint:sched:sched_switch"}\n')
    expect.equal(list("tracepoint:sched:sched_switch", "--csv"),
                 "probe\ntracepoint:sched:sched_switch\n")
  end)
end)

describe("-l -v", function()
  it("wants a pattern: all would be hundreds of thousands of lines", function()
    fails("-l -v", 2, "hundreds of thousands of lines", "'*' is all")
  end)

  it("shows the fields of a tracepoint, with places in JSON", function()
    local text = list("tracepoint:sched:sched_switch", "-v")
    expect.truthy(text:find("\n    char prev_comm[16]\n    pid_t prev_pid\n", 1, true),
                  text)
    local json = list("tracepoint:sched:sched_switch", "-v --json")
    expect.truthy(json:find('"name":"prev_comm","offset":8,"size":16,"type":"char[16]"',
                            1, true), json)
  end)

  it("shows prototypes, with the values of enumerations", function()
    local text = list("tp_btf:sched_switch", "-v")
    expect.truthy(text:find("\n    struct task_struct *prev\n", 1, true), text)
    text = list("fentry:vfs_read", "-v")
    expect.truthy(text:find("\n    struct file *file\n", 1, true), text)
    expect.truthy(text:find("\n    returns ssize_t\n", 1, true), text)
    local ok, probes = pcall(bpf.list_probes, "tp_btf:mm_compaction_end")
    if ok then
      text = list(probes[1], "-v")
      expect.truthy(text:find("int status", 1, true), text)
    end
  end)

  it("shows whole structs with offsets and sizes", function()
    local text = list("struct list_head", "-v")
    expect.equal(text, "struct list_head: 16 bytes\n"
                 .. "   OFFSET    SIZE MEMBER\n"
                 .. "        0       8 struct list_head *next\n"
                 .. "        8       8 struct list_head *prev\n")
    local task = bpf.btf.type("task_struct")
    text = list("struct task_struct", "-v")
    expect.equal(text:match("^struct task_struct: (%d+) bytes\n"), tostring(task.size))
    local offsets = {}
    for _, field in ipairs(task.fields) do offsets[field.name] = field.offset / 8 end
    for _, name in ipairs { "pid", "tgid", "comm" } do
      local shown = text:match("\n%s*(%d+)%s+%d+ [^\n]-%f[%w]" .. name .. "[%[%]%d]*\n")
      expect.equal(tonumber(shown), offsets[name])
    end
    expect.truthy(text:find("\n *%d+:%d +%d+b [^\n]+ : %d+\n"), "a bit-field")
    local json = list("struct list_head", "-v --json")
    expect.truthy(json:find('"offset":8,.-"size":8,"name":"prev"'), json)
  end)

  it("shows the values of an enumeration", function()
    local text = list("enum pid_type", "-v")
    expect.truthy(text:find("^enum pid_type\n +VALUE NAME\n +0 PIDTYPE_PID\n"), text)
  end)
end)

describe("a name that is nearly right", function()
  it("is answered with the nearest", function()
    fails("-l kprobe:tcp_v4_recv", 1, "no probe matches", "did you mean 'kprobe:tcp_v4_r")
    fails("-l 'tracepoint:scehd:*'", 1, "did you mean 'tracepoint:sched:*'?")
    fails("-l 'tracepiont:sched:*'", 1, "did you mean 'tracepoint'?")
    fails("-l 'struct task_strut'", 1, "did you mean 'struct task_struct'?")
    fails("-l uprobe:libc:mallco", 1, "did you mean 'uprobe:libc:malloc'?")
    fails("execsnop", 2, "did you mean 'execsnoop'?")
    fails("--jsn", 2, "did you mean '--json'?")
    fails("-l 'uprobe:*'", 1, "in one binary", "uprobe:/bin/bash:*")
  end)
end)

describe("--tools", function()
  it("lists every tool with its line", function()
    local result = support.run("--tools --json")
    expect.equal(result.code, 0)
    local folder = support.program:gsub("bin/[^/]*$", "share/ebpf-lua/scripts")
    local tools = lines_of(support.sh(("cd %s && LC_ALL=C ls *.lua"):format(folder)).out)
    local lines = lines_of(result.out)
    expect.equal(#lines, #tools)
    for i, tool in ipairs(tools) do
      local name, summary = lines[i]:match('^{"tool":"([%w_]+)","summary":"(.+)"}$')
      expect.equal(name, (tool:gsub("%.lua$", "")))
      expect.truthy(#summary > 10, lines[i])
    end
  end)
end)
