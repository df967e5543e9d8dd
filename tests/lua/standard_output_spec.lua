--- Standard output: nothing is lost, a closed pipe ends quietly, what cannot be written
--- is an error.
local program = require "program"
local support = require "support"

local quote, chunk_prints = support.quote, program.chunk_prints

--- Runs a chunk with its output led elsewhere; the code is the program's own.
local function led(chunk, to)
  return support.sh(("%s -e %s %s; exit ${PIPESTATUS[0]}")
                    :format(quote(support.program), quote(chunk), to))
end

describe("a closed pipe", function()
  for what, chunk in pairs {
    ["print"] = "while true do print('line') end",
    ["io.write"] = "while true do io.write('x', 1) end",
    ["io.stdout:write"] = "while true do io.stdout:write('line\\n') end",
    ["a table"] = "local t = bpf.table { { name = 'a', width = 8 } }\n"
      .. "while true do t:row { a = 1 } end",
    ["print in a timer"] = "bpf.every(0.01, function() print('line') end) bpf.run()",
    ["io.write in a timer"] = "bpf.every(0.01, function() io.write('x') end) bpf.run()",
    ["print between polls"] = "while true do print('line') bpf.poll(10) end",
  } do
    it("ends " .. what .. " quietly with exit code 0", function()
      local result = led(chunk, "| head -c 3")
      expect.equal(result.err, "")
      expect.equal(#result.out, 3)
      expect.equal(result.code, 0)
    end)
  end

  it("keeps the code of an error", function()
    local result = led("print('x') bpf.run(0.5) error('late')", "| true")
    expect.truthy(result.code == 0 or result.code == 1, "code " .. result.code)
    expect.equal(led("io.stderr:write('e') bpf.run(0.5) error('late')", "| true").code, 1)
  end)
end)

describe("output that cannot be written", function()
  for what, chunk in pairs {
    ["print"] = "print(1)",
    ["much print"] = "for i = 1, 1e5 do print(i) end",
    ["io.write"] = "io.write(1)",
    ["os.exit"] = "print(1) os.exit(0)",
    ["bpf.run"] = "bpf.every(0.05, function() print(1) end) bpf.run(10)",
    ["a last handler"] = "bpf.after(0, function() print(1) bpf.stop() end) bpf.run()",
    ["what was counted"] = "local p = count('tracepoint:raw_syscalls:sys_enter') "
      .. "bpf.run(0.1) p:show() p:stop()",
  } do
    it("is an error, by " .. what, function()
      program.failed(led(chunk, ">/dev/full"), 1, "ebpf-lua: cannot write to standard "
                     .. "output: ENOSPC (No space left on device)")
    end)
  end

  it("keeps the code that the script asked for", function()
    expect.equal(led("print(1) os.exit(7)", ">/dev/full").code, 7)
  end)
end)

describe("a slow reader", function()
  it("gets every line", function()
    local result = led("for i = 1, 200000 do print(i) end", "| (sleep 1; cksum)")
    local wanted = support.sh("seq 200000 | cksum")
    expect.equal(result.out, wanted.out)
    expect.equal(result.code, 0)
  end)
end)

describe("an idle loop", function()
  it("has written what was printed before", function()
    program.with_files({}, function(folder)
      local result = support.sh(support.WAIT_FOR .. ([[
        cd %s
        %s -e 'print "early" bpf.run(1000)' >out &
        wait_for grep early out
        kill -INT $!; wait $!
      ]]):format(folder, quote(support.program)))
      expect.equal(result.out, "early\n")
      expect.equal(result.code, 0)
    end)
  end)
end)

describe("standard streams that the caller closed", function()
  it("do not become descriptors of maps", function()
    local chunk = "local obj = bpf.load { source = 'HASH(m, u32, u64, 8);' }\n"
      .. "obj.maps.m[1] = 2\nprint('lost') io.stderr:write(obj.maps.m[1])"
    expect.equal(led(chunk, "<&- >&-").err, "2")
    expect.equal(led(chunk, "<&- >&- 2>&-").code, 0)
  end)
end)

describe("integers past 2^53", function()
  it("keep every digit in print, JSON and CSV", function()
    local chunk = "print({ big = 9007199254740993ULL, low = -9007199254740993LL })"
    chunk_prints(chunk, "{big=9007199254740993, low=-9007199254740993}\n")
    local json = support.run("--json -e " .. quote(chunk))
    expect.equal(json.out, '{"big":9007199254740993,"low":-9007199254740993}\n')
    local csv = support.run("--csv -e 'print(18446744073709551615ULL, 1)'")
    expect.equal(csv.out, "18446744073709551615,1\n")
  end)
end)

describe("commands that a script runs", function()
  it("have SIGPIPE's default action", function()
    local result = support.run([[-e 'os.execute("yes | head -1; trap")']])
    expect.equal(result.out, "y\n")
    expect.equal(result.err, "")
  end)
end)
