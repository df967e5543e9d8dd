--- Bad input: each mistake ends with one sentence that names the thing and what to do.
local bpf = require "bpf"
local program = require "program"
local support = require "support"
local terminal = require "terminal"

local chunk_fails, chunk_prints = program.chunk_fails, program.chunk_prints

--- Each entry: a chunk, then what it must say; all end with exit code 1.
local function all_fail(cases)
  for _, case in ipairs(cases) do
    local ok, err = pcall(chunk_fails, case[1], 1, unpack(case, 2))
    if not ok then error(case[1] .. "\n" .. tostring(err), 2) end
  end
end

describe("bpf.load", function()
  it("says what it takes", function()
    all_fail {
      { "bpf.load()", "-e:1: bpf.load takes a table" },
      { "bpf.load 'x'", "-e:1: bpf.load takes a table" },
      { "bpf.load {}", "-e:1: bpf.load takes exactly one of 'source' and 'file'" },
      { "bpf.load { source = '', file = 'x' }", "exactly one of 'source' and 'file'" },
      { "bpf.load { sorce = '' }", "-e:1: bpf.load has no option 'sorce'",
        "hint: did you mean 'source'?" },
      { "bpf.load { source = 1 }", "option 'source' takes a string, got a number" },
      { "bpf.load { source = '', load = 1 }",
        "option 'load' takes a boolean, got a number" },
      { "bpf.load { source = '', cflags = { 1 } }",
        "cflags takes a list of strings, got a number at 1" },
      { "bpf.load { source = '', cflags = { D = 'x' } }",
        "cflags takes a list of strings, got a string at D" },
      { "bpf.load { source = '', cflags = { '--foo' } }",
        "the compiler flag '--foo' is not accepted", "hint: accepted are -D -U -I" },
    }
  end)

  it("says why a file is no program", function()
    local mine = support.program
    program.with_files({
      ["garbage.o"] = ("\1\200\0\255"):rep(999),
      ["elf.o"] = "\127ELF" .. ("\1\200\0\255"):rep(999),
      ["short.o"] = "\127ELF",
      ["empty.o"] = "",
      ["bad.c"] = "int x = y;\n",
    }, function(folder)
      local function load(name) return ("bpf.load { file = %q }"):format(name) end
      all_fail {
        { load "/no/such.o", "-e:1: cannot read /no/such.o: No such file or directory" },
        { load(folder), "-e:1: cannot read " .. folder .. ": not a file" },
        { load(folder .. "/garbage.o"), folder .. "/garbage.o is not a compiled object",
          "hint: make one with clang --target=bpf -g -O2 -c" },
        { load(folder .. "/empty.o"), folder .. "/empty.o is not a compiled object" },
        { load(folder .. "/elf.o"), "cannot open BPF object 'elf'",
          "not a proper ELF object" },
        { load(folder .. "/short.o"), "cannot open BPF object 'short'" },
        { load(mine), "cannot open BPF object 'ebpf_lua'",
          "is not a valid eBPF object file" },
        { load(folder .. "/bad.c"), folder .. "/bad.c:1:9: error: use of undeclared",
          "    1 | int x = y;\n      |         ^" },
      }
    end)
  end)

  it("checks the values of constants", function()
    local function with(declaration, value)
      return ("bpf.load { source = 'const volatile %s;', constants = { target = %s } }")
        :format(declaration, value)
    end
    all_fail {
      { with("u8 target", "256"),
        "-e:1: variable 'target': 256 is out of range for u8 (0 to 255)" },
      { with("u8 target", "-1"), "variable 'target': -1 is out of range for u8" },
      { with("u8 target", "1.5"),
        "variable 'target': 1.5 is not an integer, as u8 needs" },
      { with("u8 target", "0/0"), "variable 'target': nan is not an integer" },
      { with("u8 target", "'abc'"), "variable 'target': \"abc\" is not an integer" },
      { with("u8 target", "{}"), "variable 'target': a table is not an integer" },
      { with("s64 target", "2^63"),
        "variable 'target': 9223372036854775808 is out of range" },
      { with("char target[4]", "'abcde'"),
        "a string of 5 bytes does not fit in char[4]" },
      { with("u8 tarket", "1"), "-e:1: no variable 'target' in 'script'",
        "hint: did you mean 'tarket'?" },
      { with("enum { RED, GREEN } target", "'GREN'"),
        "has no 'GREN'; did you mean 'GREEN'?" },
    }
    local source = "const volatile u8 a; ARRAY(m, u8, 1);"
    chunk_fails("local obj = bpf.load { source = '" .. source .. "' }\n"
                .. "obj.maps.m[0] = 1\nobj.variables.a = 2", 1,
                "-e:3: constant 'a' cannot change once the object is loaded",
                "hint: pass it in bpf.load{ constants = { ... } }")
  end)
end)

describe("C text", function()
  it("is blamed by file, line and column, with the line and a caret", function()
    program.with_files({ ["probe.lua"] = [==[
local bpf = require "bpf"
bpf.load { source = [[
  SEC("xdp") int drop(void *ctx)
  {
    return undeclared;
  }
]] }
]==] }, function(folder)
      program.failed(support.run(folder .. "/probe.lua"), 1,
        folder .. "/probe.lua:5:12: error: use of undeclared identifier 'undeclared'",
        "    5 |     return undeclared;\n      |            ^")
    end)
    chunk_fails("bpf.load { source = 'int x = y;' }", 1,
                "-e:1:9: error: use of undeclared")
  end)

  it("with an unknown field of a kernel type names the nearest", function()
    local source = "int f(struct task_struct *t) { return t->pidd; }"
    chunk_fails("bpf.load { source = '" .. source .. "' }", 1,
                "no member named 'pidd' in 'struct task_struct'; did you mean 'pid'?")
  end)

  it("may hold a NUL byte, and be five megabytes long", function()
    chunk_fails("bpf.load { source = 'int a;\\0\\nint x = y;' }", 1,
                ":2:9: error: use of undeclared identifier 'y'")
    chunk_fails([[
      local line = "// about sixty characters that nobody reads .............\n"
      local comment = line:rep(90000)
      bpf.load { source = comment .. "int x = y;\n" }
    ]], 1, ":90001:9: error: use of undeclared identifier 'y'", "90001 | int x = y;")
  end)

  it("that keeps the compiler busy ends at the time limit, which can be set", function()
    local slow = [[-e 'local lines = { "#define P0 ;\n" }
      for i = 1, 16 do
        lines[#lines + 1] = ("#define P%d P%d P%d\n"):format(i, i - 1, i - 1)
      end
      lines[#lines + 1] = ("P16\n"):rep(20000)
      bpf.load { source = table.concat(lines) }']]
    local hint = "a slow machine needs --compile-limit SECONDS or EBPF_LUA_COMPILE_LIMIT"
    program.fails("--compile-limit 1 " .. slow, 1,
                  "the compile takes more than 1 s of processor time", hint)
    local mine = support.quote(support.program)
    local function with_variable(value)
      return support.sh("EBPF_LUA_COMPILE_LIMIT=" .. value .. " " .. mine .. " " .. slow)
    end
    program.failed(with_variable "1", 1, "more than 1 s of", hint)
    program.failed(with_variable "soon", 2,
                   "the compile limit 'soon' is not a whole number of seconds",
                   "hint: it comes from --compile-limit or EBPF_LUA_COMPILE_LIMIT")
  end)

  it("that the verifier refuses is blamed by its line and reason", function()
    chunk_fails([==[bpf.load { source = [[
      HASH(seen, u32, u64, 8);
      SEC("tracepoint/syscalls/sys_enter_getppid")
      int bad_spec(void *ctx)
      {
        u32 key = 1;
        u64 *value = bpf_map_lookup_elem(&seen, &key);
        return *value;
      }
    ]] }:attach()]==], 1, "-e:8:16: the verifier refused program 'bad_spec'",
                "'value' (from bpf_map_lookup_elem()) may be NULL here",
                "     8 | return *value;",
                "value (R0) ", " comes from line 7:", -- newer kernels say of which map
                "hint: test it before it is used: if (!value) return 0;")
  end)

  it("that the verifier refuses in a called function is blamed there", function()
    -- Behind the program lie `harmless`, `second` and `first`, in the order of the calls.
    local source = [==[bpf.load { source = [[
      HASH(seen, u32, u64, 8);
      static __noinline int first(u32 key)
      {
        u64 *value = bpf_map_lookup_elem(&seen, &key);
        return %s;
      }
      static __noinline int second(u32 key)
      {
        u64 *value = bpf_map_lookup_elem(&seen, &key);
        return first(key) + %s;
      }
      __noinline int harmless(u32 key) { return key > 3; }
      SEC("tracepoint/syscalls/sys_enter_getppid")
      int bad_spec(void *ctx)
      {
        return harmless(bpf_get_prandom_u32()) + second(1) + first(2);
      }
    ]] }:attach()]==]
    chunk_fails(source:format("*value", "1"), 1, "-e:6:16: ", "     6 | return *value;")
    chunk_fails(source:format("1", "*value"), 1, "-e:11:",
                "    11 | return first(key) + *value;")
  end)
end)

describe("names", function()
  local LOAD = [==[local obj = bpf.load { source = [[
    u64 calls; HASH(seen, u32, u64, 8); SEC("xdp") int drop(void *ctx) { return 1; }]] }
  ]==]

  it("that are unknown raise with the nearest", function()
    all_fail {
      { LOAD .. "print(obj.maps.sen)", "-e:3: no map 'sen' in 'script'",
        "hint: did you mean 'seen'?" },
      { LOAD .. "print(obj.programs.dorp)", "no program 'dorp'", "did you mean 'drop'?" },
      { LOAD .. "print(obj.variables.call)", "no variable 'call'",
        "did you mean 'calls'?" },
      { LOAD .. "obj.variables.call = 1", "no variable 'call'", "did you mean 'calls'?" },
      { LOAD .. "print(obj.maps.seen.lokup)", "map 'seen' has no member 'lokup'",
        "hint: did you mean 'lookup'?; a string key goes through :lookup(key)" },
      { LOAD .. "obj.maps.seen.key = 1", "map 'seen': a string index is a member's name",
        "hint: a string key goes through :update(key, value)" },
      { "return bpf.enum.TCP_ESTABLISHD",
        "no enumerator 'TCP_ESTABLISHD' in the kernel's" },
      { "bpf.btf.type 'task_strct'", "task_strct" },
    }
  end)

  it("made by bpf.create_map are checked before the kernel sees them", function()
    local function create(options)
      return ("bpf.create_map { key = 'u32', value = 'u32', %s }"):format(options)
    end
    chunk_fails(create "type = 'nonsense', entries = 4", 4,
                "-e:1: bpf.create_map: this kernel has no kind of map 'nonsense'",
                "hint: ebpf-lua --info lists the kinds of maps")
    all_fail {
      { create "type = 'hash', entries = -1",
        "entries is an integer from 0 to 2^32-1, got -1" },
      { create "type = 'hash', entries = 2^33", "got 8589934592" },
      { create "type = 'hash', entries = 4, flags = 0.5", "flags is an integer" },
      { create "type = 'array_of_maps', entries = 4",
        "bpf.create_map: a map of maps takes inner = { type =, … }" },
      { create "type = 'struct_ops', entries = 4",
        "map 'map' is no struct of functions",
        "hint: declare it as SEC(\".struct_ops\")" },
      { "bpf.create_map { type = 'hash', key = 'struct no', value = 'u8', entries = 1 }",
        "the type of its key is declared and defined nowhere", "hint: define it" },
    }
  end)

  it("of hooks that do not exist raise with the nearest", function()
    local function attach(spec)
      return LOAD .. ("obj.programs.drop:attach(%s)"):format(spec)
    end
    local function section(name)
      local text = ("SEC(%q) int none(void *c) { return 0; }"):format(name)
      return ("bpf.load { source = [[%s]] }:attach()"):format(text)
    end
    all_fail {
      { section "tracepoint/syscalls/sys_enter_gtppid",
        "there is no tracepoint:syscalls:sys_enter_gtppid",
        "hint: did you mean 'sys_enter_getppid'" },
      { section "tp_btf/sched_swich", "the kernel has no event sched_swich",
        "hint: did you mean 'sched_switch'?" },
      { section "raw_tp/sched_swich", "the kernel has no event sched_swich",
        "hint: did you mean 'sched_switch'?" },
      { section "uprobe//bin/no_such_file:main", "there is no file /bin/no_such_file" },
      { section "xdp", "no program of 'script' names its hook in SEC()",
        "hint: attach one", "obj.programs.NAME:attach" },
      { attach "'xpd:lo'", "'xpd:lo': unknown kind of probe 'xpd'",
        "did you mean 'xdp'?" },
      { attach "'xdp:lo\\0x'", "a probe's spec has a zero byte behind 'xdp:lo'" },
      { attach "'t:sched:sched_switch'", "unknown kind of probe 't'",
        "hint: bpftrace's t is tracepoint:CATEGORY:EVENT here" },
      { attach "'profile:hz:99'",
        "hint: bpftrace's profile is perf:cpu-clock:99hz here" },
      { section "tracepoint/sched/zzzzzzzzzzzz", "there is no tracepoint:sched:zzzzzzzz",
        "hint: ebpf-lua -l 'tracepoint:*' shows what there is" },
      { section "raw_tp/zzzzzzzzzzzz", "the kernel has no event zzzzzzzzzzzz",
        "hint: ebpf-lua -l 'raw_tracepoint:*' shows what there is" },
      { LOAD .. "obj.programs.drop:pin '/sys/fs/bpf/with.dot'",
        "cannot pin the program at /sys/fs/bpf/with.dot: a name in a bpffs has no '.'",
        "hint: use '_' or '-'" },
      { attach "'xdp'", "'xdp' does not say where to attach", "hint: write xdp:" },
      { attach "'xdp:no_such_dev'", "there is no interface no_such_dev" },
      { attach "1", "-e:3: program:attach takes a probe" },
      { attach "", "-e:3: program 'drop' names no hook: SEC(\"xdp\")" },
      { attach "'xdp:lo', { pid = 2^32 + 1 }",
        "program:attach: option 'pid' takes a whole number, got 4294967297" },
      { attach "'xdp:lo', { cpu = 0.5 }", "option 'cpu' takes a whole number, got 0.5" },
      { attach "'xdp:lo', { cokie = 1 }", "program:attach has no option 'cokie'",
        "hint: did you mean 'cookie'?" },
      { attach "'xdp:lo', { cookie = 'x' }",
        "cookie is a number, or a table of numbers by function" },
    }
  end)
end)

describe("keys and values of maps", function()
  local obj = bpf.load { source = [[
    struct key { u32 id; char name[8]; };
    enum color { RED, GREEN };
    HASH(seen, u32, u64, 2);
    HASH(named, struct key, enum color, 8);
    ARRAY(slots, s8, 4);
    RINGBUF(events, u64, 4096);
    QUEUE(line, u32, 1);
  ]] }
  local maps = obj.maps
  local function set(map, key, value) return function() maps[map][key] = value end end
  local function get(map, key) return function() return maps[map][key] end end

  it("are checked against their types", function()
    local range = "1099511627776 is out of range for u32 (0 to 4294967295)"
    expect.error("key of map 'seen': " .. range, get("seen", 2 ^ 40))
    expect.error("key of map 'seen': -1 is out of range for u32", get("seen", -1))
    expect.error("key of map 'seen': 1.5 is not an integer, as u32 needs",
                 get("seen", 1.5))
    expect.error("key of map 'seen': a table is not an integer", get("seen", {}))
    expect.error("key of map 'seen': \"x\" is not an integer", maps.seen.lookup,
                 maps.seen,
                 "x")
    expect.error("value of map 'seen': -1 is out of range for u64", set("seen", 1, -1))
    expect.error("value of map 'slots': 128 is out of range for s8", set("slots", 1, 128))
    expect.error("no field 'nam' in struct key; did you mean 'name'?",
                 get("named", { nam = "x" }))
    expect.error("name: a string of 9 bytes does not fit in char[8]",
                 get("named", { id = 1, name = "123456789" }))
    expect.error("enum color has no 'BLUE'; names: GREEN, RED",
                 set("named", { id = 1 }, "BLUE"))
    maps.named[{ id = 1 }] = "GREEN"
    expect.equal(maps.named[{ id = 1 }], 1)
  end)

  it("that the kernel refuses are named with the reason", function()
    maps.seen[1], maps.seen[2] = 1, 1
    expect.error("map 'seen': update failed: the map is full", set("seen", 3, 1))
    expect.error("update failed: the index is past its 4 entries",
                 set("slots", 4, 1))
    expect.error("map 'slots': delete failed", set("slots", 1, nil))
    local done, err = maps.seen:update(1, 1, "noexist")
    expect.equal(done, nil)
    expect.equal(err.message,
                 "map 'seen': update failed: the key exists already (errno 17)")
    expect.error('map:update takes "any", "noexist" or "exist", got \'x\'',
                 maps.seen.update,
                 maps.seen, 1, 1, "x")
  end)

  it("are where the kind of map has them", function()
    local function method(name, ...)
      local map, words = maps[name], { ... }
      return function() return map[words[1]](map, unpack(words, 2)) end
    end
    local events_only = "map 'seen' is a hash: only ring and perf buffers have events"
    expect.error(events_only, method("seen", "each", print))
    expect.error(events_only, method("seen", "read"))
    expect.error("map:each takes a function first", method("events", "each", "x"))
    expect.error("no type 'struct nothing'", method("events", "each", print,
                                                      "struct nothing"))
    expect.error("map 'events' is a ringbuf: it has no keys", get("events", 1))
    expect.error("map 'line' is a queue: it has no keys", get("line", 1))
    expect.error("map 'seen' is a hash: it has no push", method("seen", "push", 1))
    expect.equal(maps.line:push(1), true)
    local done, err = maps.line:push(2)
    expect.equal(done, nil)
    expect.truthy(err.message:find("map 'line': push failed: the map is full", 1, true),
                  err.message)
  end)
end)

describe("print", function()
  it("shows every kind of value, 64-bit integers to the last digit", function()
    chunk_prints([[
      print(nil, true, 1.5, 2^53, 9007199254740993ULL)
      print(-9223372036854775807LL - 1, 0/0)
      print({ 1, 2, { 3 }, name = "x" }, 18446744073709551615ULL)
      local t = {} t.t = t print(t) print() print("a\0b")
    ]], "nil\ttrue\t1.5\t9007199254740992\t9007199254740993\n-9223372036854775808\tnan\n"
      .. "{1, 2, {3}, name=\"x\"}\t18446744073709551615\n{t={t={...}}}\n\na\0b\n")
  end)
end)

describe("on a terminal", function()
  it("control characters of a message are shown, not obeyed", function()
    local shown = terminal.start { "-e", [[error('a\27]0;title\7b\nc\155d')]] }
    shown:expect "ebpf%-lua: %-e:1: a\\x1b%]0;title\\x07b\r\nc\\x9bd\r\n"
    expect.equal(shown:close(), 1)
  end)
end)
