-- The prompt, on a real terminal and on a pipe.
local kernel_state = require "kernel_state"
local support = require "support"
local terminal = require "terminal"

local function session(fn)
  local home = support.sh("mktemp -d").out:match("%S+")
  local t = terminal.start({}, { XDG_STATE_HOME = home })
  t:expect("> $")
  local ok, err = xpcall(fn, debug.traceback, t, home)
  if not ok then
    support.sh("kill -9 " .. t.pid)
    t:close()
    error(err, 0)
  end
  support.sh("rm -rf " .. home)
end

local function leave(t)
  t:send("\4")
  expect.equal(t:close(), 0)
end

describe("the prompt", function()
  it("gives values, keeps names, and _ the last value", function()
    session(function(t)
      t:send("1 + 1\r")
      t:expect("\n2\r\n")
      t:expect("> $")
      t:send("x = _ * 21\rx\r")
      t:expect("\n42\r\n")
      t:send('{ a = 1, b = { "two" } }\r')
      t:expect('{ a = 1, b = { "two" } }\r\n')
      t:send("quit()\r")
      expect.equal(t:close(), 0)
    end)
  end)

  it("goes on over lines until the chunk is whole", function()
    session(function(t)
      t:send("for i = 1, 2 do\r")
      t:expect(">> $")
      t:send("print(i * 100)\r")
      t:expect(">> $")
      t:send("end\r")
      t:expect("\n100\r\n200\r\n")
      t:expect("> $")
      leave(t)
    end)
  end)

  it("says what is wrong and goes on", function()
    session(function(t)
      t:send("nope()\r")
      t:expect("attempt to call global 'nope'")
      t:expect("> $")
      t:send("cuont()\r")
      t:expect("hint: did you mean 'count'%?")
      t:expect("> $")
      t:send('count("kfunc:vfs_read")\r')
      t:expect("what bpftrace calls kfunc is fentry here")
      t:expect("> $")
      t:send('help "latncy"\r')
      t:expect("hint: did you mean 'latency'%?")
      t:expect("> $")
      t:send("1 +* 2\r")
      t:expect("unexpected symbol near")
      t:expect("> $")
      t:send('count("tp_btf:sched_swich")\r')
      t:expect("did you mean 'sched_switch'")
      t:expect("> $")
      leave(t)
    end)
  end)

  it("gives up a line at Ctrl-C, and a command", function()
    session(function(t)
      t:send("abc")
      t:expect("abc")
      t:send("\3")
      t:expect("\r\n> $")
      t:send("while true do end\r")
      t:expect("end\r\n")
      support.sleep(0.3)
      t:send("\3")
      t:expect("interrupted\r\n")
      t:expect("> $")
      t:send("7 * 6\r")
      t:expect("\n42\r\n")
      t:expect("> $")
      leave(t)
    end)
  end)

  it("completes Lua names, probes and columns", function()
    session(function(t)
      t:send("bpf.print_log2_h\t == bpf.print_log2_hist\r")
      t:expect("\ntrue\r\n")
      t:expect("> $")
      t:send('string.upper("tracepoint:syscalls:sys_enter_getpp\t")\r')
      t:expect("TRACEPOINT:SYSCALLS:SYS_ENTER_GETPPID")
      t:expect("> $")
      t:send('select(2, "tp_btf:sched_switch", "args->prev_s\t")\r')
      t:expect('\n"args%->prev_state"\r\n')
      t:expect("> $")
      leave(t)
    end)
  end)

  it("completes symbols, static probes and files", function()
    session(function(t)
      local folder = support.program:match("^(.*/)")
      local function completes(typed, wanted)
        t:send(('"" .. string.lower("%s\t")\r'):format(typed))
        t:expect("\n" .. ('"%s"'):format(wanted:lower()):gsub("%p", "%%%0") .. "\r\n")
        t:expect("> $")
      end
      completes("uprobe:" .. folder .. "spinner:calle", "uprobe:" .. folder
                .. "spinner:called")
      completes("usdt:" .. folder .. "static_probes:ebl_test:shap", "usdt:" .. folder
                .. "static_probes:ebl_test:shapes")
      completes("uretprobe:" .. folder .. "spinn", "uretprobe:" .. folder .. "spinner:")
      completes("raw_trac", "raw_tracepoint:")
      completes("kprobe:vfs_fsyn", "kprobe:vfs_fsync")
      completes("fentry:vfs_fsyn", "fentry:vfs_fsync")
    end)
  end)

  it("completes fields behind C paths", function()
    session(function(t)
      local function completes(first, typed, wanted)
        t:send(('select(2, "%s", "%s\t")\r'):format(first, typed))
        t:expect("\n" .. ('"%s"'):format(wanted):gsub("%p", "%%%0") .. "\r\n")
        t:expect("> $")
      end
      completes("x", "((struct sock *)arg0)->__sk_common.skc_dpo",
                "((struct sock *)arg0)->__sk_common.skc_dport")
      completes("x", "curtask->real_parent->tgi", "curtask->real_parent->tgid")
      completes("tp_btf:sched_switch", "args->next->real_par", "args->next->real_parent")
      completes("tracepoint:sched:sched_switch", "pid, args->next_p",
                "pid, args->next_p") -- next_pid and next_prio
      completes("x", "((struct sk_buff *)arg1)->data_l",
                "((struct sk_buff *)arg1)->data_len") -- in an anonymous struct
      leave(t)
    end)
  end)

  it("completes the maps, programs and variables of an object, and their methods",
    function()
      session(function(t)
        t:send([[o = bpf.load{source = 'HASH(by_pid, u32, u64, 9); u64 totals; ]]
               .. [[SEC("syscall") int walker(void *c) { totals++; return 0; }'}]]
               .. "\r")
        t:expect("> $")
        t:send("o.maps.by\t.name\r")
        t:expect('\n"by_pid"\r\n')
        t:expect("> $")
        t:send("o.maps.by_pid:coun\t()\r")
        t:expect("\n0\r\n")
        t:expect("> $")
        t:send("type(o.programs.wa\t)\r")
        t:expect('\n"table"\r\n')
        t:expect("> $")
        t:send("o.variables.to\t\r")
        t:expect("\n0\r\n")
        t:expect("> $")
        leave(t)
      end)
    end)

  it("shows structs by the names of their types", function()
    session(function(t)
      t:send([[o = bpf.load{source = 'enum colour { RED, GREEN }; ]]
             .. [[struct inner { u8 a[3]; void *p; }; ]]
             .. [[struct thing { u32 pid; char comm[16]; enum colour c; ]]
             .. [[struct inner in; }; HASH(things, u32, struct thing, 4); ]]
             .. [[SEC("syscall") int f(void *c) { return 0; }'}]] .. "\r")
      t:expect("> $")
      t:send([[o.maps.things[1] = {pid = 7, comm = "a\9b", c = 1, ["in"] = ]]
             .. [[{a = {1, 2, 3}, p = 0xabc}}]] .. "\r")
      t:expect("> $")
      t:send("o.maps.things[1]\r")
      t:expect('struct thing {\r\n  pid = 7,\r\n  comm = "a\\tb",\r\n')
      t:expect("  c = GREEN %(1%),\r\n")
      t:expect("  in = struct inner { a = { 1, 2, 3 }, p = 0xabc }\r\n}\r\n")
      t:expect("> $")
      leave(t)
    end)
  end)

  it("shows a map as a table, a histogram as bars", function()
    session(function(t)
      t:send([[o = bpf.load{source = 'struct key { u32 pid; char comm[16]; }; ]]
             .. [[HASH(counts, struct key, u64, 100); ARRAY(latency_hist, u64, 64); ]]
             .. [[SEC("syscall") int f(void *c) { return 0; }'}]] .. "\r")
      t:expect("> $")
      t:send([[m = o.maps.counts; m:update({pid = 1, comm = "init"}, 5); ]]
             .. [[m:update({pid = 22, comm = "cat\27[2J"}, 70)]] .. "\r")
      t:expect("> $")
      t:send("m\r")
      t:expect("map: counts %(hash%), 2 of 100\r\n")
      t:expect(" +PID COMM +VALUE\r\n")
      t:expect(" +22 cat\\x1b%[2J +70\r\n")
      t:expect(" +1 init +5\r\n")
      t:expect("> $")
      t:send("h = o.maps.latency_hist; h[2] = 10; h[3] = 5\r")
      t:expect("> $")
      t:send("h\r")
      t:expect("map: latency_hist %(array%), 2 of 64, the others are 0\r\n")
      t:expect("2 %-> 3 +: 10 +|%*+|\r\n")
      t:expect("4 %-> 7 +: 5 +|%*+ +|\r\n")
      t:expect("> $")
      leave(t)
    end)
  end)

  it("shows what a probe has counted when it is asked for it", function()
    session(function(t)
      t:send('p = count("tracepoint:syscalls:sys_enter_getppid", "comm")\r')
      t:expect("> $")
      support.sh(support.program .. [[ -e 'require("ffi").cdef("int getppid(void);") ]]
                 .. [[for i = 1, 3 do require("ffi").C.getppid() end']])
      t:send("p\r")
      t:expect("probe: count%(tracepoint:syscalls:sys_enter_getppid%)\r\n")
      t:expect(" +COUNT COMM\r\n")
      t:expect(" +%d+ ebpf%-lua\r\n")
      t:expect("> $")
      leave(t)
    end)
  end)

  it("prints events above a line that stays", function()
    session(function(t)
      t:send([[p = trace("tracepoint:sched:sched_process_exec", "comm", ]]
             .. [[{ filter = 'comm == "true"' })]] .. "\r")
      t:expect("COMM%s*\r\n")
      t:expect("> $")
      t:send("half of")
      t:expect("half of")
      support.sh("/bin/true")
      t:expect("\27%[Jtrue%s*\r\n") -- a row where the line was
      t:expect("> half of")         -- and the line again
      t:send("\3")
      t:expect("\r\n> $")
      t:send("running()\r")
      t:expect("trace%(tracepoint:sched:sched_process_exec%)%s+%d+%s+0%s+%d+")
      t:expect("> $")
      leave(t)
    end)
  end)

  it("stops a handler that fails, and nothing else", function()
    session(function(t)
      t:send('n = 0; bpf.every(0.05, function() n = n + 1 end)\r')
      t:expect("> $")
      t:send([[o = bpf.load{source = 'RINGBUF(e, u32, 4096); ]]
             .. [[SEC("tracepoint/sched/sched_process_exec") int f(void *c) ]]
             .. [[{ u32 x = 5; bpf_ringbuf_output(&e, &x, 4, 0); return 0; }'}]] .. "\r")
      t:expect("> $")
      t:send('o.maps.e:each(function() error("mine") end); o:attach()\r')
      t:expect("> $")
      support.sh("/bin/true")
      t:expect("mine")
      t:expect("this handler has been stopped")
      t:expect("> $")
      t:send("bpf.run(0.3)\r") -- time for the timer
      t:expect('"timeout"')
      t:expect("> $")
      t:send("n > 0\r")
      t:expect("\ntrue\r\n")
      t:expect("> $")
      leave(t)
    end)
  end)

  it("stops a timer that fails, and nothing else", function()
    session(function(t)
      t:send('n = 0; p = bpf.every(0.05, function() n = n + 1; error("mine") end)\r')
      t:expect("mine")
      t:expect("this handler has been stopped")
      t:expect("> $")
      t:send("bpf.run(0.3), n\r")
      t:expect('"timeout"  1\r\n')
      t:expect("> $")
      leave(t)
    end)
  end)

  it("keeps a history that only its user can read", function()
    session(function(t, home)
      t:send("111 + 222\r")
      t:expect("\n333\r\n")
      t:expect("> $")
      leave(t)
      local file = home .. "/ebpf-lua/history"
      expect.equal(support.sh("stat -c %a " .. file).out, "600\n")
      expect.truthy(support.sh("cat " .. file).out:find("111", 1, true), "the line")
      local again = terminal.start({}, { XDG_STATE_HOME = home })
      again:expect("> $")
      again:send("\27[A")
      again:expect("111 %+ 222")
      again:send("\3\4")
      again:expect("> $")
      again:send("\4")
      expect.equal(again:close(), 0)
    end)
  end)

  it("leaves nothing attached", function()
    session(function(t)
      t:send([[o = bpf.load{source = 'SEC("tracepoint/sched/sched_process_exec") ]]
             .. [[int repl_leaves(void *c) { return 0; }'}]] .. "\r")
      t:expect("> $")
      t:send("o:attach()\r")
      t:expect("> $")
      expect.equal(kernel_state.programs("repl_leaves"), 1)
      leave(t)
      expect.truthy(support.eventually(function()
        return kernel_state.programs("repl_leaves") == 0
      end), "the program is gone")
    end)
  end)
end)

describe("without a terminal", function()
  it("reads lines, with the same results", function()
    local input = [[1+1\nfor i=1,2 do\nprint(i)\nend\nhelp "hist"\n]]
    local result = support.sh(("printf '%s' | %s"):format(input, support.program))
    expect.equal(result.code, 0)
    expect.truthy(result.out:find("^2\n1\n2\nhist%("), result.out)
  end)

  it("gives maps as JSON and CSV", function()
    local lines = [[o = bpf.load{source="HASH(m,u32,u64,4); ]]
                  .. [[SEC(\\"syscall\\") int f(void*c){return 0;}"}\n]]
                  .. [[o.maps.m[1]=2 o.maps.m[3]=18446744073709551615ULL\no.maps.m\n]]
                  .. [[print(o.maps.m)\n]]
    local function typed(option)
      local command = ("printf '%s' | %s %s"):format(lines, support.program, option)
      return support.sh(command).out
    end
    expect.equal(typed "--json", '{"key":3,"value":18446744073709551615}\n'
                 .. '{"key":1,"value":2}\n{"data":"map: m (hash)","type":"print"}\n')
    expect.equal(typed "--csv", "key,value\n3,18446744073709551615\n1,2\n"
                 .. "map: m (hash)\n")
  end)

  it("says when the input ends in the middle", function()
    local result = support.sh(("echo 'for i=1,2 do' | %s"):format(support.program))
    expect.truthy(result.err:find("middle of a statement", 1, true), result.err)
  end)
end)

describe("help", function()
  local function typed(lines)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(table.concat(lines, "\n"), "\n")
    file:close()
    local result = support.sh(("%s -d 0.1 <%s"):format(support.program, path))
    os.remove(path)
    return result
  end

  it("has a text with an example for every quick probe, and the examples work", function()
    local lines = {}
    for name, value in pairs(require("bpf.quick")) do
      local is_verb = type(value) == "function" and name ~= "show_all"
      if is_verb then lines[#lines + 1] = ("help %q"):format(name) end
    end
    expect.truthy(#lines >= 9, "verbs")
    table.insert(lines, 'help "columns"')
    table.insert(lines, 'help "p"')
    local texts = typed(lines)
    expect.equal(texts.err, "")
    local examples = {}
    for example in texts.out:gmatch("\n  > ([^\n]+)") do
      examples[#examples + 1] = example
    end
    expect.equal(#examples, #lines)
    local result = typed(examples)
    -- A busy machine may lose stacks, and is told.
    expect.equal((result.err:gsub("ebpf%-lua: [^\n]*lost[^\n]*\n", "")), "")
    expect.equal(result.code, 0)
  end)
end)

describe("colours", function()
  local TABLE = [[require("bpf").table{{name = "a"}}:row{1}]]
  local BOLD, ANY = "\27[1m      A\27[0m\n", "\27"

  local function output_of(arguments, environment)
    return support.sh(("env -u NO_COLOR TERM=xterm %s %s %s"):format(
      environment or "", support.quote(support.program), arguments))
  end

  it("are for terminals only, unless they are asked for", function()
    local code = "-e " .. support.quote(TABLE)
    expect.equal(output_of(code).out, "      A\n      1\n")
    expect.equal(output_of("--color auto " .. code).out, "      A\n      1\n")
    expect.equal(output_of("--color always " .. code).out, BOLD .. "      1\n")
    expect.equal(output_of("--color always " .. code, "NO_COLOR=1").out,
                 BOLD .. "      1\n")
    expect.equal(output_of("--color always --json " .. code).out, '{"a":1}\n')
    expect.equal(output_of("--color always --csv " .. code).out, "a\n1\n")
    local failed = output_of("--color always -e 'error(5 + {})'")
    expect.truthy(failed.err:find("\27[1;31mebpf-lua:\27[0m ", 1, true), failed.err)
    expect.truthy(not output_of("-e 'error(5 + {})'").err:find(ANY), "none on a pipe")
    local refused = output_of("--color maybe " .. code)
    expect.equal(refused.code, 2)
    expect.truthy(refused.err:find("--color", 1, true), refused.err)
  end)

  local function typed(arguments, environment)
    local t = terminal.start(arguments, environment)
    t:expect("> $")
    t:send('7, "seven", { n = true }\r')
    local seen = t:expect("}\r\n.*}\r\n")
    t:expect("> $")
    leave(t)
    return seen:match("\n([^\r\n]*)\r\n$")
  end

  it("are shown at the prompt, and not with NO_COLOR or --color never", function()
    local plain = '7  "seven"  { n = true }'
    local coloured = '\27[36m7\27[0m  \27[32m"seven"\27[0m  { n = \27[36mtrue\27[0m }'
    expect.equal(typed({}, { NO_COLOR = "" }), coloured)
    expect.equal(typed({}, { NO_COLOR = "1" }), plain)
    expect.equal(typed({ "--color", "never" }, { NO_COLOR = "" }), plain)
    expect.equal(typed({ "--color", "always" }, { NO_COLOR = "1" }), coloured)
    expect.equal(typed({}, { NO_COLOR = "", TERM = "dumb" }), plain)
  end)

  it("change nothing else without a terminal", function()
    local lines = [[printf '%s\n' 7 '"x"' '{ 1, a = 2 }' 'print("p")' | ]]
    local plain = support.sh(lines .. support.program)
    local coloured = support.sh(lines .. support.program .. " --color always")
    expect.equal(plain.out, '7\n"x"\n{ 1, a = 2 }\np\n')
    expect.equal(coloured.out:gsub("\27%[[%d;]*m", ""), plain.out)
    expect.truthy(coloured.out ~= plain.out, "there are colours")
  end)
end)
