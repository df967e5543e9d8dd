--- BCC's Lua scripts as they are: each of tests/bcc, and what the runner does with any.
local program = require "program"
local support = require "support"
local tool = require "tool"

local here = debug.getinfo(1, "S").source:match "^@(.*/)"
local scripts = here .. "../bcc/"
local folder = support.program:match "^(.*/)"

local function lines_of(result)
  expect.equal({ result.code, result.err }, { 0, "" })
  local lines = {}
  for line in result.out:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines
end

describe("BCC scripts", function()
  it("a perf buffer whose record is a C type in text", function()
    expect.equal(lines_of(support.run(scripts .. "perf_buffer.lua --count 4")), {
      "probes: 1",
      "number 1 ebpf-lua 0 -7 true", "number 1 ebpf-lua 1 -7 true",
      "number 1 ebpf-lua 2 -7 true", "number 1 ebpf-lua 3 -7 true",
      "true cdata 4",
    })
  end)

  it("a hash with stack traces, texts of keys, a histogram", function()
    local lines = lines_of(support.run(scripts .. "stacks.lua"))
    expect.equal({ lines[1], lines[2], lines[3] },
                 { "slept true true", "entries 1", "ebpf-lua 11" })
    expect.truthy(lines[4]:find "^  0x%x+%s+%S*getpgid$", lines[4])
    expect.equal(lines[5], "  frames true")
    expect.truthy(lines[6]:find '^  { "ebpf%-lua" 0x%x+ }$', lines[6])
    expect.equal({ unpack(lines, 7) }, { "  ebpf-lua 11", "  0x2a true", "  nil",
                                         "target 3: 2", "target 5: 1" })
  end)

  it("static probes, one at two places", function()
    local result = support.run(("%sstatic_probes.lua %sstatic_probes"):format(scripts,
                                                                              folder))
    expect.equal(lines_of(result), {
      "raised 2",
      "1 -1 9223372036854775808ULL 1001", "round 1 7",
      "2 -2 9223372036854775808ULL 1002", "round 2 7",
      "place 1 round 1: 1", "place 1 round 2: 1",
      "place 2 round 101: 1", "place 2 round 102: 1",
    })
  end)

  it("Ctrl-C ends a wait; what pcall or poll_loop leaves goes on, then the script ends",
     function()
    local cases = {
      ["ready() local ok = pcall(utils.posix.sleep, 60) print('summary', ok)"] =
        "ready\nsummary\tfalse\n",
      ["local b = BPF:new{text = 'BPF_HASH(t);'} ready() b:perf_buffer_poll_loop() "
       .. "print 'summary'"] = "ready\nsummary\n",
      ["ready() utils.posix.sleep(60) print 'never'"] = "ready\n",
      ["local b = BPF:new{text = 'BPF_HASH(t);'} ready() while true do "
       .. "b:pipe():readline() end"] = "ready\n",
    }
    for code, wanted in pairs(cases) do
      program.with_files({ ["script.lua"] = "return function(BPF, utils)\n"
        .. "local function ready() print 'ready' io.stdout:flush() end\n" .. code
        .. "\nend\n" }, function(place)
        local command = ("%s %s/script.lua"):format(support.quote(support.program), place)
        os.execute(("(timeout -k 1 60 bash -c 'echo $$ >%s/pid; exec %s' >%s/out "
          .. "2>%s/err; echo $? >%s/code) &"):format(place, command, place, place, place))
        local function read(name) return support.read_so_far(place .. "/" .. name) end
        tool.wait_for("the script", function() return read "out" ~= "" end)
        support.sleep(0.5)
        support.sh("kill -INT " .. read "pid")
        tool.wait_for("the end", function() return read "code" ~= "" end)
        expect.equal({ read "out", read "err", tonumber(read "code") }, { wanted, "", 0 })
      end)
    end
  end)

  local function says(code, wanted)
    program.with_files({ ["script.lua"] = code }, function(place)
      program.prints(place .. "/script.lua one two", wanted)
    end)
  end

  it("finds the names that bcc-lua gave, in the chunk and in the function", function()
    says([[
local first = "%s-%d" % {arg[1], #arg}
local Point = class("Point")
function Point:initialize(x) self.x = x end
local Deep = class("Deep", Point)
return function(BPF, utils)
  print(first, Point(3).x, Deep:new(4).x, Deep:isSubclassOf(Point))
  print(("abc"):starts("ab"), ("abc"):ends("bc"), ("abc"):lstrip("a"),
        (("a.b"):escape()), table.concat(("a,b,,c"):split(",", true), "|"))
  print(table.count({ a = 1, b = 2 }), table.bsearch({ 1, 3, 5 }, 3),
        table.concat(table.join({ 1 }, { 2, 3 }), ","), #table.values({ x = 1 }))
  for a, b in table.tuples({ { 1, 2 } }) do print(a, b) end
  print(os.exists("/etc/passwd"), os.exists("/nowhere"), os.spawn("echo %s", "x"))
  print(string.format("%p|%-8p|%d", 0xffffffffff600000ULL, 16, 5LL), type(log.info))
  print(tostring(utils.posix.tonumber64("18446744073709551615")),
        utils.posix.tonumber64("ff", 16) == 255, utils.posix.cpu_count() > 0,
        utils.posix.time_ns(utils.posix.CLOCK.REALTIME) > 1e18)
  local ok, why = pcall(function() return undeclared_name end)
  print(ok, why:match ": (.*)$")
end
]], "one-2\t3\t4\ttrue\n"
  .. "true\ttrue\tbc\ta%.b\ta|b||c\n"
  .. "2\t2\t1,2,3\t1\n1\t2\ntrue\tfalse\tx\n\n"
  .. "0xffffffffff600000|0x10    |5\tfunction\n"
  .. "18446744073709551615ULL\ttrue\ttrue\ttrue\n"
  .. "false\tattempt to read undeclared variable undeclared_name\n")
  end)

  it("leaves other scripts alone", function()
    says("print(class, log, ('').starts, undeclared)", "nil\tnil\tnil\tnil\n")
    says("local function main(BPF) print(type(BPF), class ~= nil) end\nreturn main",
         "table\ttrue\n")
  end)
end)
