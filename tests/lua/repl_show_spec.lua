-- How values look at the prompt, and the colours of everything.
local prompt = require "prompt"
local support = require "support"
local terminal = require "terminal"

local session, leave = prompt.session, prompt.leave

describe("the prompt shows", function()
  it("structs by the names of their types", function()
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

  it("a map as a table, a histogram as bars", function()
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

  it("what a probe has counted when it is asked for it", function()
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

  it("maps as JSON and CSV without a terminal", function()
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
