-- Quick probes: expressions, columns, each verb on real events, hot swap without a miss.
local ffi = require "ffi"
local expression = require "bpf.quick.expression"
local kernel = require "kernel"
local quick = require "bpf.quick"
local support = require "support"
local program = require "program"

ffi.cdef [[
int getppid(void);
long lseek(int fd, long offset, int whence);
]]

local ACTOR = arg[0]:match("^(.*)/[^/]*$") .. "/actor.lua"

--- Starts `count` getppid calls in a process of its own once released; in it, `pid`.
local function caller(count)
  local gate = os.tmpname()
  local pipe = io.popen(("exec %s %s getppid %d %s"):format(
    support.quote(support.program), ACTOR, count, gate))
  local pid = tonumber(pipe:read("*l"):match("%d+"))
  return {
    pid = pid,
    run = function(while_running)
      os.remove(gate)
      local done
      repeat
        if while_running then while_running() end
        done = io.open(gate .. ".done")
      until done
      done:close()
      os.remove(gate .. ".done")
      pipe:close()
    end,
  }
end

local GETPPID = "tracepoint:syscalls:sys_enter_getppid"

--- Lets a process call getppid() at full rate while `fn` runs; its pid goes to `prepare`
--- before that. How many calls it made.
local function calling_while(prepare, fn)
  local gate, stop = os.tmpname(), os.tmpname()
  os.remove(stop)
  local pipe = io.popen(("exec %s %s getppid_until %s %s"):format(
    support.quote(support.program), ACTOR, stop, gate))
  local pid = tonumber(pipe:read("*l"):match("%d+"))
  local ok, err = pcall(function()
    prepare(pid)
    os.remove(gate)
    fn()
  end)
  os.remove(gate)
  assert(io.open(stop, "w")):close()
  local count = tonumber(pipe:read("*a"))
  pipe:close()
  os.remove(stop)
  if not ok then error(err, 0) end
  return count
end

describe("expressions", function()
  it("are split outside brackets and strings", function()
    expect.equal(expression.split('a, f(b, c), "x,y", d[1, 2]'),
                 { "a", "f(b, c)", '"x,y"', "d[1, 2]" })
  end)

  it("compare strings", function()
    local cases = {
      { 'comm == "bash"', 'quick_equal(comm, "bash")' },
      { 'uid == 0 && comm != "a b"', 'uid == 0 && !quick_equal(comm, "a b")' },
      { 'str(args->f) == "x"', 'quick_equal_at((args->f), "x")' },
      { 'a->b[3].c == "q" || x', 'quick_equal(a->b[3].c, "q") || x' },
      { "a == 'x'", "a == 'x'" },
    }
    for _, case in ipairs(cases) do
      expect.equal(expression.with_comparisons(case[1]), case[2])
    end
  end)

  it("name their columns", function()
    local names = {}
    for i, column in ipairs(expression.columns(
      "pid, str(args->filename, 32), ((struct sock *)arg0)->sk.skc_dport, retval as got, "
      .. "pid")) do
      names[i] = column.name
    end
    expect.equal(names, { "pid", "filename", "skc_dport", "got", "pid_5" })
  end)

  it("are refused with what is wrong", function()
    expect.error("a ')' is missing", expression.split, "f(a")
    expect.error("']' closes nothing", expression.split, "f(a])")
    expect.error("no place in an expression", expression.split, "a; b")
    expect.error("nothing between two commas", expression.split, "a,,b")
    expect.error("a quotation mark has no end", expression.split, 'a, "b')
    expect.error("a length is a number from 1 to 256", expression.columns, "str(a, 1000)")
  end)
end)

describe("count", function()
  it("counts each event once, by key", function()
    local actor = caller(2000)
    local p = quick.count(GETPPID, "pid, comm", { filter = "pid == " .. actor.pid })
    actor.run()
    expect.equal(p.data, { { pid = actor.pid, comm = "ebpf-lua", count = 2000 } })
    p:stop()
    expect.equal(p.data[1].count, 2000)
    expect.equal(#quick.running(), 0)
  end)

  it("takes several probes with commas between them", function()
    local p = quick.count(GETPPID .. ", tracepoint:syscalls:sys_exit_getppid,"
                          .. "tracepoint:syscalls:sys_enter_gett*", "probe",
                          { pid = support.pid })
    for _ = 1, 5 do ffi.C.getppid() end
    expect.equal(p.data, {
      { count = 5, probe = GETPPID },
      { count = 5, probe = "tracepoint:syscalls:sys_exit_getppid" },
    })
    p:stop()
  end)

  it("names the probe of a pattern", function()
    local actor = caller(300)
    local p = quick.count("tracepoint:syscalls:sys_*_getppid", nil, { pid = actor.pid })
    actor.run()
    expect.equal(p.data, {
      { probe = "tracepoint:syscalls:sys_enter_getppid", count = 300 },
      { probe = "tracepoint:syscalls:sys_exit_getppid", count = 300 },
    })
    p:stop()
  end)

  for _, kind in ipairs { "kprobe", "kretprobe", "ksyscall", "kretsyscall" } do
    it("tells the function of a " .. kind .. ", or the probe", function()
      local actor = caller(300)
      local spec = kind .. (kind:find("syscall") and ":getppid" or ":*_sys_getppid")
      local ok, p = pcall(quick.count, spec, nil, { pid = actor.pid })
      actor.run() -- also where the kernel has no such probes: it waits for that
      if not ok then kernel.try(error, p, 0) end
      local row = p.data[1]
      p:stop()
      expect.equal(row.count, 300)
      expect.truthy((row.func or row.probe):find("getppid$"), row.func or row.probe)
      if kind ~= "kretprobe" or row.func then return end
      program.chunk_fails(("count(%q, 'func')"):format(spec), 4,
                          "this kernel has no helper bpf_get_func_ip(), number 173",
                          "hint: 'probe' in the place of 'func' tells the function too")
    end)
  end

  it("has typed arguments of BTF tracepoints", function()
    local p = quick.count("tp_btf:sched_switch", "args->prev->pid as pid",
                          { filter = ("args->prev->pid == %d"):format(support.pid) })
    local function five() -- a short sleep may be over before it begins
      return p.data[1] and p.data[1].count >= 5
    end
    expect.truthy(support.eventually(five), "number of switches")
    expect.equal(p.data[1].pid, support.pid)
    p:stop()
  end)

  it("follows the pointers of field paths", function()
    local actor = caller(3)
    local mine = { pid = actor.pid }
    local p = quick.count(GETPPID, "curtask->real_parent->tgid as parent, "
      .. "str(curtask->group_leader->comm) as leader, "
      .. "curtask->mm->total_vm > 0 as mm", mine)
    local q = quick.count("tp_btf:sys_enter",
      "((struct task_struct *)curtask)->nsproxy->uts_ns->name.sysname as name",
      { pid = actor.pid, filter = "args->id == 110" }) -- getppid
    actor.run()
    local row = p.data[1]
    expect.equal(#p.data, 1)
    expect.equal({ row.count, row.leader, row.mm }, { 3, "ebpf-lua", 1 })
    expect.truthy(row.parent > 0, "the parent of the actor")
    expect.equal(q.data, { { name = "Linux", count = 3 } })
    p:stop()
    q:stop()
  end)

  it("has registers, and the words of an argument list", function()
    local result = support.run("--json -c '/bin/true one two' -e " .. support.quote([[
      count("perf:page-faults:1", 'reg("sp") > 0 as sp')
      trace("tracepoint:syscalls:sys_enter_execve", "join(args->argv)")]]))
    expect.equal(result.code, 0)
    expect.truthy(result.out:find('{"argv":"/bin/true one two"}', 1, true), result.out)
    expect.truthy(result.out:find('"sp":1}', 1, true), result.out .. result.err)
  end)

  it("misses nothing and counts nothing twice while the filter is changed", function()
    local p, mine, who
    local count = calling_while(function(pid)
      who, mine = pid, "pid == " .. pid
      p = quick.count(GETPPID, "pid", { filter = mine })
    end, function()
      for edit = 1, 20 / support.patience do -- they are slow in an emulation
        p:edit { filter = ("%s && uid < %d"):format(mine, 1000 + edit) }
      end
    end)
    -- A kernel that preempts itself skips programs while a system call about a map waits
    -- on their CPU, and counts that, of other processes' calls too.
    local missed = 0
    for _, link in ipairs(p.object.links) do missed = missed + (link:missed() or 0) end
    local seen = p.data[1].count
    expect.equal(p.data, { { pid = who, count = seen } })
    expect.truthy(seen <= count and seen >= count - missed,
                  ("%d of %d, %d missed"):format(seen, count, missed))
    p:edit { filter = "pid == 1 && pid == 2" }
    local silent = caller(100)
    silent.run()
    expect.equal(p.data[1].count, seen)
    p:stop()
  end)
end)

describe("hist and lhist", function()
  it("put values into slots", function()
    local actor = caller(1000)
    local mine = { pid = actor.pid }
    local p = quick.hist(GETPPID, "5", mine)
    local q = quick.lhist(GETPPID, "7 - 9", 0, 100, 10, mine)
    local n = quick.hist(GETPPID, "(s64)-3", { pid = actor.pid, by = "pid" })
    actor.run()
    expect.equal(p.data, { [3] = 1000 })
    expect.equal(q.data, { [-1] = 1000 })
    expect.equal(n.data[1].slots, { [0] = 1000 })
    expect.equal(n.data[1].key, { pid = actor.pid })
    for _, each in ipairs { p, q, n } do each:stop() end
  end)
end)

describe("stats", function()
  it("has the sum, average, least and most of a value, by key", function()
    local p = quick.stats("tracepoint:syscalls:sys_enter_lseek", "(s64)args->offset", {
      by = "args->whence == 2 as late", filter = "args->fd == 999999",
      pid = support.pid })
    expect.equal(p.data, {})
    for _, offset in ipairs { 10, -2 ^ 40, 20, 60 } do ffi.C.lseek(999999, offset, 0) end
    ffi.C.lseek(999999, 7, 2)
    ffi.C.lseek(999999, 8, 2)
    local sum = 90 - 2 ^ 40
    expect.equal(p.data, {
      { late = 1, count = 2, sum = 15, avg = 7.5, min = 7, max = 8 },
      { late = 0, count = 4, sum = sum, avg = sum / 4, min = -2 ^ 40, max = 60 },
    })
    p:stop()
  end)
end)

describe("latency", function()
  it("measures from entry to return", function()
    local p = quick.latency("tracepoint:syscalls:sys_enter_clock_nanosleep",
                            { pid = support.pid, unit = "ms" })
    for _ = 1, 3 do support.sleep(0.02) end
    p:stop()
    local total = 0
    for slot, count in pairs(p.data) do
      expect.truthy(slot >= 5, "at least 16 ms")
      total = total + count
    end
    expect.equal(total, 3)
  end)
end)

describe("a line of -e", function()
  it("prints its rows, then ends with -d", function()
    local result = support.run("-d 1 --json -e " .. support.quote([[
      trace("tracepoint:sched:sched_process_exec", "pid, comm",
            { filter = 'comm == "true"' })
      os.execute("sleep 0.2; /bin/true marker; sleep 0.1")]]))
    expect.equal(result.code, 0)
    local pid = result.out:match('^{"pid":(%d+),"comm":"true"')
    expect.truthy(pid, "a row in " .. result.out .. result.err)
  end)

  it("has the fields of a tracepoint, from its format", function()
    local result = support.run("-d 1 --json -e " .. support.quote([[
      trace("tracepoint:syscalls:sys_enter_openat", "str(args->filename), args->flags",
            { filter = 'comm == "cat"' })
      os.execute("sleep 0.2; cat /proc/self/oom_adj >/dev/null; sleep 0.1")]]))
    expect.equal(result.code, 0)
    expect.truthy(result.out:find('{"filename":"/proc/self/oom_adj","flags":0}', 1, true),
                  result.out .. result.err)
  end)

  it("follows the place of a tracepoint's text (__data_loc)", function()
    local EXEC = "tracepoint:sched:sched_process_exec"
    local result = support.run(("-c %s --json -e %s"):format(
      support.quote("sh -c '/bin/true; /bin/false; /bin/true; /bin/echo'"),
      support.quote(([[
        trace("%s", "args->filename, args->old_pid == pid as same",
              { filter = 'args->filename == "/bin/true"' })
        trace("%s", "str(args->filename, 6) as short", { filter = [=[
          str(args->filename) == "/bin/false"]=] })
        count("%s", "args->filename", { filter = 'args->filename != "/bin/sh"' })
        hist("%s", "args->pid > 0", { by = "args->filename", filter = [=[
          args->filename == "/bin/echo"]=] })]]):gsub("%%s", EXEC))))
    for _, row in ipairs {
      '{"filename":"/bin/true","same":1}\n', '{"short":"/bin/"}\n',
      '{"count":2,"filename":"/bin/true"}\n', '{"count":1,"filename":"/bin/false"}\n',
      '{"data":[{"count":1,"max":1,"min":0}],"filename":"/bin/echo"' } do
      expect.truthy(result.out:find(row, 1, true),
                    row .. " in " .. result.out .. result.err)
    end
    expect.equal(select(2, result.out:gsub('"same"', "")), 2)
    expect.equal(select(2, result.out:gsub('"short"', "")), 1)
  end)

  it("shows counts at its end", function()
    local result = support.run("-d 0.3 -e " .. support.quote(
      ([[count("%s", "comm") os.execute("%s %s getppid 7 /nowhere >/dev/null")]])
      :format(GETPPID, support.program, ACTOR)))
    expect.truthy(result.out:find("COUNT COMM", 1, true), result.out .. result.err)
  end)

  it("explains mistakes at the expression", function()
    program.chunk_fails('count("tp_btf:sched_switch", "args->pref")', 1,
                        "column 1 of count(tp_btf:sched_switch):1:7",
                        "did you mean 'prev'?")
    program.chunk_fails('count("tracepoint:sched:sched_switch", "arg0")', 1,
                        "a tracepoint has no arg0", "args->NAME")
    program.chunk_fails('trace("tracepoint:no:thing", "pid")', 1, "no:thing")
    program.chunk_fails('count("tracepoint:zzz*:*")', 1, "no probe matches")
    program.chunk_fails('hist("tp_btf:sched_switch")', 1,
                        "hist: the value is a C expression in a string")
    program.chunk_fails('count("uprobe:libc:mallo", "arg0")', 1, "did you mean 'malloc'")
  end)
end)
