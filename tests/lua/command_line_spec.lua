--- The command line: options, scripts and their arguments, uncaught errors, exit codes.
local support = require "support"

local program = require "program"

local quote, run, contains = support.quote, support.run, program.contains
local fails, prints, with_files = program.fails, program.prints, program.with_files
local chunk_fails, chunk_prints = program.chunk_fails, program.chunk_prints

describe("usage", function()
  it("refuses unknown options and missing or bad values with exit code 2", function()
    fails("--nope", 2, "ebpf-lua: unknown option --nope", "Try 'ebpf-lua --help'.")
    fails("-e 'print(1)' --nope", 2, "unknown option --nope")
    fails("-d", 2, "ebpf-lua: option --duration needs a value")
    fails("-e", 2, "ebpf-lua: option -e needs a value")
    fails("--btf", 2, "ebpf-lua: option --btf needs a value")
    for _, value in ipairs { "abc", "-5", "0", "nan", "inf", "1s", "''" } do
      fails("-d " .. value .. " -e 1", 2, "is not a positive number of seconds")
    end
    fails("-d abc -e 1", 2, "--duration: 'abc' is not")
    fails("--json --csv -e 1", 2, "--json and --csv exclude each other")
    for _, value in ipairs { "abc", "0", "1.5", "99999" } do
      fails("--compile-limit " .. value .. " -e 1", 2, "--compile-limit: '" .. value
            .. "' is not a whole number of seconds from 1 to 3600")
    end
  end)

  it("says why a script cannot be read", function()
    fails("/no/such.lua", 2, "ebpf-lua: no script '/no/such.lua'")
    fails("/tmp", 2, "cannot read script /tmp: it is a folder")
    fails("no_such_tool", 2, "no tool 'no_such_tool' in the gallery",
          "hint: the gallery is")
  end)

  it("points to ./NAME where a bare name is a file here", function()
    with_files({ probe = "print 'run'" }, function(folder)
      local result = support.sh(("cd %s && %s probe"):format(folder,
                                                             quote(support.program)))
      expect.equal(result.code, 2)
      contains(result.err, "to run the file: ebpf-lua ./probe")
    end)
  end)
end)

describe("a script", function()
  it("gets the words behind its name, options included", function()
    with_files({ ["a.lua"] = "print(arg[0], #arg, ...)" }, function(folder)
      local path = folder .. "/a.lua"
      prints(path .. " -x --help 'two words'", path .. "\t3\t-x\t--help\ttwo words\n")
      prints("-- " .. path .. " -d", path .. "\t1\t-d\n")
      prints(path, path .. "\t0\n")
    end)
    prints("-e 'print(arg[0], ...)' one two", "-e\tone\ttwo\n")
  end)

  it("comes from standard input, or by its first line", function()
    local text = "#!/usr/bin/env ebpf-lua\nprint('ran', ...)\n"
    with_files({ tool = text, empty = "", blank = "\n" }, function(folder)
      local stdin = support.sh(("%s - x <%s/tool"):format(quote(support.program), folder))
      expect.equal(stdin.out, "ran\tx\n")
      support.sh(("chmod +x %s/tool; ln -s %s %s/ebpf-lua"):format(
        folder, quote(support.program), folder))
      local script = support.sh(("PATH=%s:$PATH; %s/tool 1 2"):format(folder, folder))
      expect.equal(script.out, "ran\t1\t2\n")
      prints(folder .. "/empty", "")
      prints(folder .. "/blank", "")
    end)
  end)

  it("finds modules beside itself, never in the current folder or by LUA_PATH", function()
    with_files({
      ["main.lua"] = "print(require 'beside')",
      ["beside.lua"] = "return 'ok'",
    }, function(folder)
      prints(folder .. "/main.lua", "ok\n")
      local elsewhere = support.sh(("cd %s && export LUA_PATH='./?.lua;%s/?.lua' "
        .. "LUA_INIT='print(7)' && %s -e 'require [[beside]]'"):format(
        folder, folder, quote(support.program)))
      expect.equal(elsewhere.code, 1)
      expect.equal(elsewhere.out, "")
      contains(elsewhere.err, "module 'beside' not found")
    end)
  end)

  it("that others may have written makes root's run warn", function()
    with_files({ ["a.lua"] = "print(1)" }, function(folder)
      local path = folder .. "/a.lua"
      support.sh("chmod 666 " .. path)
      local result = run(path)
      expect.equal(result.out, "1\n")
      expect.equal(result.err, ("ebpf-lua: warning: %s may have been written by "
        .. "everybody, and root is running it\n"):format(path))
      support.sh(("chmod 644 %s; chown 65534 %s"):format(path, path))
      expect.truthy(run(path).err:find("written by user 65534", 1, true), run(path).err)
      support.sh(("chown 0 %s; chmod 777 %s"):format(path, folder))
      expect.truthy(run(path).err:find("written by everybody", 1, true), run(path).err)
      support.sh("chmod 755 " .. folder)
      expect.equal(run(path).err, "")
    end)
  end)
end)

describe("an uncaught error", function()
  it("has its place, the script's own traceback and exit code 1", function()
    local result = chunk_fails("error('boom')", 1, "ebpf-lua: -e:1: boom",
                         "stack traceback:", "-e:1: in main chunk")
    expect.equal(result.err:find("ebpf-lua:bpf/", 1, true), nil)
    chunk_fails("\n\nlocal function f() error('x') end\nf()", 1, "-e:3: x",
          "-e:3: in function 'f'", "-e:4: in main chunk")
    chunk_fails("nothing.field = 1", 1, "attempt to index global 'nothing'")
  end)

  it("that is raised without a place is the sentence alone", function()
    local result = chunk_fails("error('usage: tool FILE', 0)", 1)
    expect.equal(result.err, "ebpf-lua: usage: tool FILE\n")
    chunk_fails("assert(nil, 'no file')", 1, "no file", "-e:1: in main chunk")
  end)

  it("in a timer or a handler has its traceback", function()
    chunk_fails("bpf.after(0.01, function()\nerror('late')\nend)\nbpf.run(5)", 1,
          "-e:2: late", "-e:4: in main chunk")
  end)

  it("may be any value", function()
    chunk_fails("error()", 1, "ebpf-lua: the error value is a nil")
    chunk_fails("error({})", 1, "ebpf-lua: the error value is a table")
    chunk_fails("error(setmetatable({}, { __tostring = function() "
          .. "return 'mine' end }))", 1, "ebpf-lua: mine")
  end)

  it("of syntax names the line", function()
    fails("-e 'local x = = 3'", 1, "ebpf-lua: -e:1: unexpected symbol near '='")
    with_files({ ["bad.lua"] = "\n\nlocal x = = 3\n" }, function(folder)
      fails(folder .. "/bad.lua", 1, folder .. "/bad.lua:3: unexpected symbol near '='")
      local stdin = support.sh(("%s - <%s/bad.lua"):format(quote(support.program),
                                                           folder))
      expect.equal(stdin.code, 1)
      expect.equal(stdin.err, "ebpf-lua: stdin:3: unexpected symbol near '='\n")
    end)
  end)
end)

describe("os.exit", function()
  it("ends with its code, and writes what print has buffered", function()
    local codes = { ["0"] = 0, ["7"] = 7, ["true"] = 0, ["false"] = 1, [""] = 0 }
    for code, wanted in pairs(codes) do
      local result = run("-e " .. quote(("print('out') os.exit(%s)"):format(code)))
      expect.equal(result.out, "out\n")
      expect.equal(result.code, wanted)
    end
    chunk_fails("os.exit('x')", 1,
          "-e:1: os.exit takes a number or a boolean, got a string")
  end)
end)

describe("the loop's functions", function()
  it("say what they take", function()
    for call, message in pairs {
      ["bpf.run('x')"] = "bpf.run takes a number of seconds, or nothing",
      ["bpf.run({})"] = "bpf.run takes a number of seconds, or nothing",
      ["bpf.run(-1)"] = "bpf.run takes a number of seconds, or nothing",
      ["bpf.run(0/0)"] = "bpf.run takes a number of seconds, or nothing",
      ["bpf.poll('x')"] = "bpf.poll takes a number of milliseconds, or nothing",
      ["bpf.every(0, print)"] = "bpf.every takes a positive number of seconds first",
      ["bpf.every(1)"] = "bpf.every takes a function second",
      ["bpf.after(-1, print)"] = "bpf.after takes a positive number of seconds first",
      ["bpf.trace_pipe(1)"] = "bpf.trace_pipe takes a function",
    } do
      chunk_fails(call, 1, "ebpf-lua: -e:1: " .. message)
    end
  end)

  it("answer with why they ended", function()
    prints("-e 'print(bpf.run(0))'", "timeout\n")
    prints("-d 0.1 -e 'print(bpf.run())'", "timeout\n")
    prints("-e 'bpf.after(0, bpf.stop) print(bpf.run(1e99))'", "stop\n")
    prints("-e 'bpf.after(0, bpf.stop) print(bpf.poll(60000)) print(bpf.poll(1))'",
           "0\tstop\n0\tnil\n")
  end)

  it("may be nested where that has a meaning", function()
    chunk_prints("bpf.after(0, function() print(bpf.poll(1)) bpf.stop() end)\n"
                 .. "print(bpf.run())", "0\tnil\nstop\n")
    chunk_fails("bpf.after(0, function() bpf.run(1) end) bpf.run()", 1,
          "-e:1: bpf.run is running already", "hint: in a handler, bpf.poll(ms)")
  end)
end)
