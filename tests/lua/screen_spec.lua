-- What somebody sees at the prompt and from tools that draw, on a real terminal.
local screen = require "screen"
local support = require "support"

local program = support.quote(support.program)

-- A command that nobody else runs, so that its events are ours alone.
local folder = support.sh("mktemp -d").out:match("%S+")
local name = "seen" .. support.pid
support.sh(("cp /bin/true %s/%s"):format(folder, name))

local function make_event(arguments)
  support.sh(("%s/%s %s"):format(folder, name, arguments or ""))
end

--- A prompt that is ready.
local function prompt(fn, columns, rows)
  screen.with(program, function(s)
    s:expect("\n> ?\n$")
    fn(s)
  end, columns, rows)
end

--- Each event is a row with its name.
local function trace_events(s)
  s:enter([[p = trace("tracepoint:sched:sched_process_exec", "comm", ]]
          .. ([[{filter = 'comm == "%s"'})]]):format(name))
  s:expect("\nCOMM\n> ?\n$")
end

local ROW = name .. "\n"

describe("on a terminal", function()
  it("the prompt gives values and completes", function()
    prompt(function(s)
      s:enter("6 * 7")
      s:expect("> 6 %* 7\n42\n>\n$")
      s:type("bpf.print_log2_h")
      s:keys("Tab")
      s:expect("> bpf.print_log2_hist\n$")
      s:keys("C-c")
      s:expect("> bpf.print_log2_hist\n> ?\n$")
      s:type('count("tracepoint:sched:sched_wak')
      s:keys("Tab", "Tab") -- several: a list
      local text = s:expect("tracepoint:sched:sched_waking")
      expect.truthy(text:find("tracepoint:sched:sched_wakeup", 1, true), text)
      s:keys("C-c")
      s:expect("sched_wak\n> ?\n$")
      s:keys("C-d")
      expect.equal(s:code(), 0)
    end)
  end)

  it("Tab indents where nothing stands before it", function()
    prompt(function(s)
      s:keys("Tab")
      s:type("1 + 1", true)
      s:expect(">   1 %+ 1\n2\n>\n$")
    end)
  end)

  it("events print above the line, which stays as it was", function()
    prompt(function(s)
      trace_events(s)
      s:type("half of a line")
      s:keys("Left", "Left", "Left", "Left")
      s:expect("\n> half of a line\n$")
      for _ = 1, 3 do make_event() end
      s:expect("\nCOMM\n" .. ROW:rep(3) .. "> half of a line\n$")
      expect.equal({ s:cursor() }, { 12, 6 })
      s:type("my ")
      s:expect("\n> half of a my line\n$")
    end)
  end)

  it("events print above a line of several rows", function()
    prompt(function(s)
      trace_events(s)
      local long = ("0123456789"):rep(10)
      s:type(long)
      s:expect("3456789\n$")
      make_event()
      s:expect("\nCOMM\n" .. ROW .. "> 01234567890123456789012345678901234567\n"
               .. "8901234567890123456789012345678901234567\n"
               .. "8901234567890123456789\n$")
    end, 40)
  end)

  it("another size lays the line out again, and loses no row", function()
    prompt(function(s)
      trace_events(s)
      s:type(("0123456789"):rep(5))
      make_event()
      s:expect("\nCOMM\n" .. ROW .. "> 0123456789[%d]+\n$")
      local folded = "> 01234567890123456789012345678901234567\n890123456789"
      s:resize(40, 24)
      s:expect("\nCOMM\n" .. ROW .. folded .. "\n$")
      s:type("x")
      s:expect("\nCOMM\n" .. ROW .. folded .. "x\n$")
      make_event()
      s:expect("\nCOMM\n" .. ROW:rep(2) .. folded .. "x\n$")
      s:resize(100, 24)
      s:expect("\nCOMM\n" .. ROW:rep(2) .. "> " .. ("0123456789"):rep(5) .. "x\n$")
      make_event()
      s:expect("COMM\n" .. ROW:rep(3) .. "> " .. ("0123456789"):rep(5) .. "x\n$")
    end)
  end)

  it("one Ctrl-C stops the command, not the session", function()
    prompt(function(s)
      s:enter("print('begun') while true do end")
      s:expect("\nbegun\n$")
      s:keys("C-c")
      s:expect("interrupted\n> ?\n$")
      s:enter("select(2, bpf.after(0, function() print('runs') end), bpf.run())")
      s:expect("\nruns\n$")
      s:keys("C-c")
      s:expect('"interrupt"\n> ?\n$')
      s:type("given up")
      s:expect("> given up\n$")
      s:keys("C-c")
      s:expect("> given up\n> ?\n$")
      s:enter('"still here"')
      s:expect('\n"still here"\n> ?\n$')
    end)
  end)

  it("a second Ctrl-C ends the program in compiled code; the terminal is as before",
    function()
      local command = ("stty -a >$XDG_STATE_HOME/before; %s; code=$?; "
                       .. "stty -a >$XDG_STATE_HOME/after; (exit $code)"):format(program)
      screen.with(command, function(s)
        s:expect("\n> ?\n$")
        -- It runs while a line is edited: the terminal is the line editor's.
        s:enter("spin = loadstring('local n = 0; while true do n = n + 1 end')")
        s:enter("p = bpf.after(0.1, function() io.open(os.getenv('XDG_STATE_HOME') "
                .. ".. '/spins', 'w'):write('yes') spin() end)")
        s:expect("p = bpf.after.*\n> ?\n$")
        support.eventually(function() return support.exists(s.folder .. "/spins") end)
        s:keys("C-c")
        support.sleep(0.3)
        expect.truthy(not support.exists(s.folder .. "/code"), "one does not end it")
        support.eventually(function() -- two that come at once are one request
          s:keys("C-c")
          support.sleep(0.1)
          return support.exists(s.folder .. "/code")
        end)
        expect.equal(s:code(), 130)
        expect.truthy(s:written("before"):find("speed", 1, true), "the settings")
        expect.equal(s:written("after"), s:written("before"))
      end)
    end)

  it("twenty lines that are pasted run one after the other", function()
    prompt(function(s)
      local lines = { "pasted = {}", "for i = 1, 3 do", "\tif i ~= 2 then",
                      "\t\tpasted[i] = i * 10", "\tend", "end",
                      "function triple(x)", "\treturn 3 * x", "end",
                      "text = [[", "one", "two]]", "t = { 1,", "  2,", "  3 }",
                      "a = triple(7)", "b = a + 1", "c = b * 2", "-- a comment",
                      '("%d %d %s %d %s"):format(a, c, text:gsub("\\n", "/"), #t, '
                      .. 'tostring(pasted[2]) .. pasted[3])' }
      expect.equal(#lines, 20)
      s:paste(table.concat(lines, "\n") .. "\n")
      local text = s:expect('"21 44 one/two 3 nil30"\n> ?\n$', true)
      expect.truthy(not text:find("error", 1, true), text)
    end)
  end)

  it("wide and other characters are typed, shown and edited", function()
    prompt(function(s)
      s:type('"日本語 äöü €"')
      s:expect('\n> "日本語 äöü €"\n$')
      expect.equal({ s:cursor() }, { 16, 1 })
      s:keys("Left", "Left", "Left", "Left", "Left", "Left", "Left", "BSpace")
      s:type("x")
      s:keys("End", "Enter")
      s:expect('\n> "日本x äöü €"\n"日本x äöü €"\n> ?\n$')
    end)
  end)

  it("a row of wide characters is counted in columns", function()
    prompt(function(s)
      trace_events(s)
      s:type(("日"):rep(25)) -- 52 columns
      local shown = "> " .. ("日"):rep(19) .. "\n" .. ("日"):rep(6) .. "\n$"
      s:expect(shown)
      make_event()
      s:expect("\nCOMM\n" .. ROW .. shown)
    end, 40)
  end)

  it("control characters of another process are shown escaped", function()
    prompt(function(s)
      s:enter([[p = trace("tracepoint:syscalls:sys_enter_execve", "join(args->argv)", ]]
              .. ([[{filter = 'str(args->filename) == "%s/%s"'})]])
                 :format(folder, name))
      s:expect("ARGV\n> ?\n$")
      make_event([[$'\e[2J\e[31mred' $'\a\r\n' $'\xff\xc2\x9b' ende]])
      local text = s:expect("ende")
      expect.truthy(text:find([[\x1b[2J\x1b[31mred]], 1, true), text)
      expect.truthy(text:find([[\x07\r\n]], 1, true), text)
      expect.truthy(text:find([[\xff\xc2\x9b]], 1, true), text)
      expect.truthy(text:find("ARGV", 1, true), "nothing was cleared")
    end)
  end)

  it("execsnoop shows them escaped too", function()
    screen.with(program .. " execsnoop -n " .. name, function(s)
      s:expect("PCOMM")
      make_event([[$'\e[2J\e[31mred' $'\a\r\n' ende]])
      local text = s:expect("ende")
      expect.truthy(text:find([[\x1b[2J\x1b[31mred]], 1, true), text)
      expect.truthy(text:find([[\x07\r\n]], 1, true), text)
      expect.truthy(text:find("PCOMM", 1, true), "nothing was cleared")
      s:keys("C-c")
      expect.equal(s:code(), 0)
    end)
  end)

  it("a one-liner prints what it has counted at Ctrl-C", function()
    local line = ([[count("tracepoint:sched:sched_process_exec", "comm", ]]
                  .. [[{filter = 'comm == "%s"'}) io.write("counting\n")]]):format(name)
    screen.with(("%s -e %s"):format(program, support.quote(line)), function(s)
      s:expect("^counting\n$")
      for _ = 1, 3 do make_event() end
      s:keys("C-c")
      expect.equal(s:code(), 0)
      s:expect("^counting\n%^C? *COUNT COMM\n +3 " .. name .. "\n$")
    end)
  end)

  it("top draws again on the same place, within the rows that there are", function()
    local line = [[top("tracepoint:raw_syscalls:sys_enter", "probe, args->id", ]]
                 .. "{every = 0.3})"
    screen.with(("%s -e %s"):format(program, support.quote(line)), function(s)
      s:expect("^%s*COUNT PROBE.*\n.*\n.*\n.*\n")
      support.sleep(1) -- three times more
      local text = s:text()
      local _, headers = text:gsub("COUNT", "")
      expect.equal(headers, 1)
      s:resize(40, 5)
      support.sleep(1)
      text = s:expect("^%s*COUNT PROBE[^\n]*\n.*\n.*\n")
      local _, rows = text:gsub("\n", "")
      expect.truthy(rows <= 5, text)
      for row in text:gmatch("[^\n]+") do
        expect.truthy(row:find("COUNT", 1, true) or row:find("^%s*%d+ trace"), row)
      end
      s:keys("C-c")
      expect.equal(s:code(), 0)
    end, 60, 8)
  end)
end)

support.sh("rm -rf " .. folder)
