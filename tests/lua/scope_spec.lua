-- -c CMD, -p PID and -o FILE, of one-liners, scripts and tools.
local support = require "support"

local COUNT = "count(\"tracepoint:syscalls:sys_enter_getppid\", \"pid\")"
local ACTOR = arg[0]:match("^(.*)/[^/]*$") .. "/actor.lua"

local MANY = support.program:match("^(.*)/") .. "/many_functions"

local function temporary()
  local path = os.tmpname()
  os.remove(path)
  return path
end

local gate = temporary()

--- A command that calls getppid so many times, and once to say its parent.
local function caller(count)
  return ("%s %s getppid %d %s"):format(support.program, ACTOR, count - 1, gate)
end

describe("-c", function()
  it("counts what the command does, all of it and nothing else", function()
    local going = temporary()
    io.open(going, "w"):close()
    local noise = io.popen(("while [ -e %s ]; do %s >/dev/null; done")
                           :format(going, caller(50)))
    local result = support.run(("--json -c %s -e %s")
      :format(support.quote(caller(1234)), support.quote(COUNT)))
    os.remove(going)
    noise:close()
    os.remove(gate .. ".done")
    expect.equal(result.code, 0)
    local pid = result.out:match("^(%d+)")
    expect.equal(result.out:match("{.*}"), ('{"count":1234,"pid":%s}'):format(pid))
    expect.equal(select(2, result.out:gsub("{", "")), 1)
  end)

  it("counts what all do that the command starts, orphans too", function()
    local going = temporary()
    io.open(going, "w"):close()
    local noise = io.popen(("while [ -e %s ]; do %s >/dev/null; done")
                           :format(going, caller(50)))
    local orphan = temporary()
    local command = ("%s >/dev/null; (%s %s getppid 199 %s >/dev/null &); "
      .. "until [ -e %s.done ]; do sleep 0.02; done")
      :format(caller(100), support.program, ACTOR, orphan, orphan)
    for edit, sum in pairs { [""] = 300, [":edit { filter = 'pid > 0' }"] = 300,
                             [":edit { filter = 'pid == 0' }"] = 0 } do
      local chunk = 'count("tracepoint:syscalls:sys_enter_getppid", "comm, pid")' .. edit
      local result = support.run(("--json -c %s -e %s")
        :format(support.quote(command), support.quote(chunk)))
      expect.equal({ result.code, result.err }, { 0, "" })
      local counted, processes = 0, 0
      for count in result.out:gmatch('{"count":(%d+),"comm":"ebpf%-lua","pid":%d+}') do
        counted, processes = counted + count, processes + 1
      end
      expect.equal({ counted, processes }, { sum, sum > 0 and 2 or 0 })
      os.remove(orphan .. ".done")
    end
    os.remove(going)
    noise:close()
    os.remove(gate .. ".done")
  end)

  it("ends with the command's exit code", function()
    expect.equal(support.run("-c 'sh -c \"exit 7\"' -e ''").code, 7)
    expect.equal(support.run("-c 'exec kill -9 $$' -e ''").code, 137)
    expect.equal(support.run("-c true -e ''").code, 0)
    expect.equal(support.run("-c false -e 'error(\"mine\")'").code, 1)
  end)

  it("ends a command that outlives the run", function()
    local result = support.run("-d 0.2 -c 'sleep 77.25' -e ''")
    expect.equal(result.code, 0)
    expect.equal(support.sh("pgrep -fx 'sleep 77.25'").out, "")
  end)

  it("says what is wrong", function()
    local result = support.run("-c /no/such/command -e ''")
    expect.equal(result.code, 1)
    expect.truthy(result.err:find("cannot run '/no/such/command': ENOENT", 1, true),
                  result.err)
    expect.equal(support.run("-c true -p 1 -e ''").code, 2)
  end)

  it("scopes tools, with what the command starts", function()
    local file = temporary()
    local words = ("-c 'sh -c \"cat %s; bash -c :\"; true' --csv"):format(file)
    local out = support.run("opensnoop " .. words).out
    expect.truthy(out:find("\n%d+,cat,[^\n]*" .. file:gsub("%p", "%%%0") .. "\n"), out)
    expect.truthy(out:find("\n%d+,bash,"), out)
    out = support.run("execsnoop " .. words).out
    expect.equal(select(2, out:gsub("\n", "")), 5) -- sh runs the command, and is one
    for _, name in ipairs { "sh", "cat", "bash" } do
      expect.truthy(out:find("\n" .. name .. ","), out)
    end
    out = support.run(words .. " syscount -P --syscall execve").out
    expect.truthy(out:find(",cat,1\n") and out:find(",bash,1\n"), out)
    for _, tool in ipairs { "exitsnoop", "killsnoop", "runqlat -P", "cpudist -P",
                            "tcpconnect", "tcpaccept", "tcplife", "profile -f" } do
      local result = support.run(("-c 'sh -c :; true' %s"):format(tool))
      expect.equal({ tool, result.code }, { tool, 0 })
    end
    out = support.run(("funccount -c 'sh -c \"%s 3; true\"' --csv %s:many_0007"):format(
      MANY, MANY)).out
    expect.equal(out:match("func,count.*"), "func,count\nmany_0007,3\n")
  end)

  it("scopes tools, before or after their name", function()
    local file = temporary()
    for _, line in ipairs { "--json -c 'cat %s' opensnoop",
                            "opensnoop --json -c 'cat %s'" } do
      local result = support.run(line:format(file))
      expect.equal(result.code, 1) -- of cat
      local pids = {}
      for pid in result.out:gmatch('"pid":(%d+)') do pids[pid] = true end
      expect.truthy(next(pids), result.out .. result.err)
      expect.equal(next(pids, next(pids)), nil)
      expect.truthy(result.out:find(file, 1, true), result.out)
    end
  end)
end)

describe("-p", function()
  it("scopes every verb, also after an edit of the filter", function()
    local result = support.sh(([[
      sleep 60 & other=$!
      %s --json -p $$ -e '
        local p = count("tracepoint:syscalls:sys_enter_kill", "pid")
        p:edit { filter = "pid > 0" }
        bpf.after(20 * %d, bpf.stop)
        bpf.every(0.02, function() if p.data[1] then bpf.stop() end end)' &
      tracer=$!
      for i in $(seq %d); do
        kill -0 $other; bash -c "kill -0 $other"; sleep 0.05
        [ -d /proc/$tracer ] || break
      done
      wait $tracer; code=$?
      kill $other; echo "shell $$"; exit $code]])
      :format(support.quote(support.program), support.patience, 400 * support.patience))
    expect.equal(result.code, 0)
    local shell = result.out:match("shell (%d+)")
    local pids = {}
    for pid in result.out:gmatch('"pid":(%d+)') do pids[#pids + 1] = pid end
    expect.equal(pids, { shell })
  end)

  it("refuses a process that is not there", function()
    local result = support.run("-p 4999999 -e ''")
    expect.equal(result.code, 2)
    expect.truthy(result.err:find("there is no process 4999999", 1, true), result.err)
    expect.equal(support.run("-p nine -e ''").code, 2)
  end)
end)

describe("-o", function()
  it("takes what a one-liner, print, a tool and -l write; not what -c writes", function()
    local path = temporary()
    local result = support.run(("-o %s -c 'echo mine' -e 'print(1) io.write(2, \"\\n\")'")
                               :format(path))
    expect.equal(result.out, "mine\n")
    expect.equal(support.read_and_remove(path), "1\n2\n")
    support.run(("-o %s --csv -l tracepoint:sched:sched_switch"):format(path))
    expect.equal(support.read_and_remove(path), "probe\ntracepoint:sched:sched_switch\n")
    support.run(("opensnoop --csv -o %s -c true"):format(path))
    expect.truthy(support.read_and_remove(path):find("^[%w_,]+\n%d+,true,"),
                  "rows of opensnoop")
  end)

  it("says why a file cannot be written", function()
    local result = support.run("-o /no/such/folder/file -e 'print(1)'")
    expect.equal(result.code, 1)
    expect.equal(result.out, "")
    expect.truthy(result.err:find("cannot write /no/such/folder/file: ENOENT", 1, true),
                  result.err)
  end)
end)
