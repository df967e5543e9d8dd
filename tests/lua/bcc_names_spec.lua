--- The names that BCC's Python users know, each seen at work from Lua.
local ffi = require "ffi"
local BPF = require "bcc.bpf"
local Usdt = require "bcc.usdt"
local loop = require "bpf.loop"
local support = require "support"
local tool = require "tool"

ffi.cdef "int getpgid(int pid);"

local folder = support.program:match "^(.*/)"

--- Runs `fn`, and skips by what the kernel itself refuses.
local function try(fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return result end
  local code = type(result) == "table" and result.code
  if code == "not_supported" or code == "not_permitted" then skip(tostring(result)) end
  error(result, 0)
end

local COUNTER = [[
BPF_ARRAY(hits, u64, 2);
int count(struct pt_regs *ctx) {
  if ((bpf_get_current_pid_tgid() >> 32) == TGID) hits.increment(0);
  return 0;
}
int count_any(void *ctx) { hits.increment(1); return 0; }
]]

local function counter(more)
  return BPF { text = (COUNTER .. (more or "")):gsub("TGID", tostring(support.pid)) }
end

local function hits(b, place) return tonumber(b.hits:get(place or 0)) end

describe("attach_* and detach_*", function()
  it("uprobe, uretprobe: by name, expression, address, offset; and off again", function()
    local path = BPF.find_library "c"
    local address = BPF.get_user_addresses(path, "getpgid$")[1]
    for _, options in ipairs { { sym = "getpgid" }, { sym_re = "getpgid$" },
                               { addr = address }, { sym = "getpgid", pid = support.pid },
                               { sym = "getpgid", pid = -1 } } do
      for _, kind in ipairs { "uprobe", "uretprobe" } do
        local b = counter()
        options.name, options.fn_name = "c", "count"
        if kind == "uprobe" or options.sym or options.sym_re then
          b["attach_" .. kind](b, options)
          expect.equal(BPF.num_open_uprobes(), 1)
          for _ = 1, 5 do ffi.C.getpgid(0) end
          expect.equal(hits(b), 5)
          b["detach_" .. kind](b, options)
          expect.equal(BPF.num_open_uprobes(), 0)
          ffi.C.getpgid(0)
          expect.equal(hits(b), 5)
        end
        b:close()
      end
    end
  end)

  it("kprobe, kretprobe, with event_re", function()
    local b = counter()
    local event = BPF.get_syscall_fnname "getpgid"
    try(b.attach_kprobe, b, { event = event, fn_name = "count" })
    expect.equal(BPF.num_open_kprobes(), 1)
    for _ = 1, 3 do ffi.C.getpgid(0) end
    expect.equal(hits(b), 3)
    b:detach_kprobe { event = event, fn_name = "count" }
    b:attach_kretprobe { event_re = event .. "$", fn_name = "count" }
    ffi.C.getpgid(0)
    expect.equal(hits(b), 4)
    b:detach_kretprobe { event = event }
    expect.equal(BPF.num_open_kprobes(), 0)
    b:close()
  end)

  it("tracepoint by name and expression, raw_tracepoint, perf_event", function()
    local b = counter()
    b:attach_tracepoint { tp = "syscalls:sys_enter_getpgid", fn_name = "count_any" }
    expect.equal(BPF.num_open_tracepoints(), 1)
    ffi.C.getpgid(0)
    expect.truthy(hits(b, 1) >= 1, "runs")
    b:detach_tracepoint "syscalls:sys_enter_getpgid"
    expect.equal(BPF.num_open_tracepoints(), 0)
    b:close()
    b = counter()
    b:attach_tracepoint { tp_re = "syscalls:sys_(enter|exit)_getpgid$",
                          fn_name = "count_any" }
    expect.equal(BPF.num_open_tracepoints(), 2)
    b:close()
    b = counter()
    b:attach_raw_tracepoint { tp = "sys_enter", fn_name = "count_any" }
    ffi.C.getpgid(0)
    expect.truthy(hits(b, 1) >= 1, "runs")
    b:detach_raw_tracepoint { tp = "sys_enter" }
    b:close()
    b = counter()
    b:attach_perf_event { ev_type = BPF.PerfType.SOFTWARE,
                          ev_config = BPF.PerfSWConfig.CPU_CLOCK, sample_freq = 999,
                          fn_name = "count_any" }
    tool.wait_for("the clock", function() return hits(b, 1) > 0 end)
    b:detach_perf_event { ev_type = 1, ev_config = 0, sample_freq = 999 }
    b:attach_perf_event_raw { attr = { type = 1, config = 0, sample_period = 1000000 },
                              fn_name = "count_any" }
    b:close()
  end)

  it("kfunc, kretfunc, fmod_ret, lsm by the names of their functions", function()
    local b = try(BPF, { text = [[
      BPF_ARRAY(hits, u64, 2);
      KFUNC_PROBE(do_getpgid, int pid) { hits.increment(0); return 0; }
    ]] })
    ffi.C.getpgid(0)
    expect.truthy(hits(b) >= 1, "runs")
    b:detach_kfunc "do_getpgid"
    local before = hits(b)
    ffi.C.getpgid(0)
    expect.equal(hits(b), before)
    try(b.attach_kfunc, b, "do_getpgid")
    ffi.C.getpgid(0)
    expect.equal(hits(b), before + 1)
    b:close()
  end)

  it("xdp, raw_socket: on an interface of their own namespace", function()
    local script = folder .. "bcc_names.lua"
    local file = assert(io.open(script, "w"))
    file:write [=[
return function(BPF)
  local b = BPF{text = [[
BPF_ARRAY(hits, u64, 2);
int pass(struct xdp_md *ctx) { hits.increment(0); return XDP_PASS; }
int sniff(struct __sk_buff *skb) { hits.increment(1); return 0; }
]]}
  local pass = b:load_func("pass", BPF.XDP)
  b:attach_xdp("lo", pass, BPF.XDP_FLAGS_SKB_MODE)
  local sniff = b:load_func("sniff", "BPF_PROG_TYPE_SOCKET_FILTER")
  b:attach_raw_socket(sniff, "lo")
  os.execute "bash -c 'echo x >/dev/udp/127.0.0.1/9'"
  print(tonumber(b.hits:get(0)) > 0, tonumber(b.hits:get(1)) > 0)
  b:remove_xdp("lo")
  b:detach_raw_socket(sniff, "lo")
  print(#b.links, type(pass.fd), pass.name)
end
]=]
    file:close()
    local result = support.sh(("unshare -n bash -c 'ip link set lo up && %s %s'")
                              :format(support.program, script))
    os.remove(script)
    if result.err:find "not_supported" then skip(result.err) end
    expect.equal(result.err, "")
    expect.equal(result.out, "true\ttrue\n0\tnumber\tpass\n")
  end)

  it("func: a program on a control group", function()
    local mount = support.sh("findmnt -t cgroup2 -n -o TARGET | head -1").out:match "%S+"
    if not mount then skip "no cgroup2 is mounted" end
    local group = mount .. "/ebl_bcc_names"
    support.sh("mkdir " .. group)
    ffi.cdef "int open(const char *path, int flags, ...); int close(int fd);"
    local fd = ffi.C.open(group, 0)
    local b = BPF { text = "int allow(struct bpf_sock *ctx) { return 1; }" }
    local ok, err = pcall(function()
      local kind = BPF.BPFAttachType.CGROUP_INET_SOCK_CREATE
      local fn = b:load_func("allow", BPF.CGROUP_SOCK, nil, kind)
      b:attach_func(fn, fd, kind)
      expect.equal(#b.links, 1)
      b:detach_func(fn, fd, kind)
      expect.equal(#b.links, 0)
    end)
    b:close()
    ffi.C.close(fd)
    support.sh("rmdir " .. group)
    if not ok then error(err, 0) end
  end)

  it("says what is wrong, and keeps the limit", function()
    local b = counter()
    expect.error("attach_kprobe takes event or event_re", b.attach_kprobe, b, {})
    expect.error("attach_uprobe takes sym, sym_re or addr", b.attach_uprobe, b,
                 { name = "c", fn_name = "count" })
    expect.error("no program 'nothing'", b.attach_uprobe, b,
                 { name = "c", sym = "getpgid", fn_name = "nothing" })
    expect.error("nothing is attached to tracepoint:a:b", b.detach_tracepoint, b, "a:b")
    expect.error("BPF has no method and no table 'hitz'", function() return b.hitz end)
    expect.error("BPF has no argument 'txt'", BPF, { txt = "" })
    local limit = BPF.KPROBE_LIMIT
    BPF.static.KPROBE_LIMIT = 0
    expect.error("0 are allowed", b.attach_uprobe, b,
                 { name = "c", sym = "getpgid", fn_name = "count" })
    BPF.static.KPROBE_LIMIT = limit
    b:close()
  end)
end)

describe("programs", function()
  it("load_func, load_funcs, dump_func, decode_table", function()
    local b = counter()
    local fn = b:load_func("count", "BPF_PROG_TYPE_KPROBE")
    expect.equal({ fn.name, fn.bpf == b, fn.fd > 2, b:load_func("count") == fn },
                 { "count", true, true, true })
    expect.equal(#b:dump_func("count") % 8, 0)
    expect.truthy(#b:dump_func("count") > 8, "instructions")
    local key, leaf = b:decode_table "hits"
    expect.equal({ ffi.sizeof(key), ffi.sizeof(leaf) }, { 4, 8 })
    expect.error("unknown type of program", b.load_func, b, "count_any", "NONE")
    expect.equal(#b:load_funcs(BPF.KPROBE), 2)
    b:close()
  end)

  it("functions whose names tell their hook are attached at once, once", function()
    local b = BPF { text = [[
      BPF_ARRAY(hits, u64, 2);
      RAW_TRACEPOINT_PROBE(sys_enter) { hits.increment(0); return 0; }
    ]] }
    expect.equal(#b.links, 1)
    b:attach_raw_tracepoint { tp = "sys_enter", fn_name = "raw_tracepoint__sys_enter" }
    expect.equal(#b.links, 1)
    ffi.C.getpgid(0)
    expect.truthy(hits(b) >= 1, "runs")
    BPF.cleanup()
    expect.equal(#b.links, 0)
  end)
end)

describe("tables", function()
  local b = BPF { text = ([[
    struct key { u32 a; char name[8]; };
    struct leaf { u64 n; u32 part:5; u32 rest:27; struct { u16 x, y[2]; } inner; };
    BPF_HASH(hash, struct key, struct leaf, 16);
    BPF_TABLE("lru_hash", u32, u64, lru, 16);
    BPF_ARRAY(array, u64, 4);
    BPF_PERCPU_HASH(percpu, u32, u64);
    BPF_PERCPU_ARRAY(percpu_array, u64, 2);
    BPF_PROG_ARRAY(programs, 4);
    BPF_QUEUE(queue, u64, 4);
    BPF_STACK(stack, u64, 4);
    BPF_PERF_OUTPUT(perf);
    BPF_RINGBUF_OUTPUT(ring, 8);
    struct event { u32 tgid; int number; };
    int emit(struct pt_regs *ctx) {
      struct event e = { bpf_get_current_pid_tgid() >> 32, PT_REGS_PARM1(ctx) };
      if (e.tgid != TGID) return 0;
      perf.perf_submit(ctx, &e, sizeof(e));
      ring.ringbuf_output(&e, sizeof(e), 0);
      return 0;
    }
    int tail(struct pt_regs *ctx) { return 0; }
  ]]):gsub("TGID", tostring(support.pid)) }

  it("hash: get, set, items, keys, values, next, len, delete, clear, zero", function()
    local t = b:get_table "hash"
    t:set({ 1, "one" }, { n = 2ULL ^ 53 + 1, part = 17, inner = { 1, { 2, 3 } } })
    t[{ 2, "two" }] = { 5 }
    expect.equal({ t:len(), t:size() }, { 2, 2 })
    local one = t[{ 1, "one" }]
    expect.equal({ tonumber(one.n), one.part, one.inner.x, one.inner.y[1] },
                 { 2 ^ 53, 17, 1, 3 })
    local sum = 0
    for k, v in t:items() do sum = sum + k.a * 100 + tonumber(v.n) % 100 end
    expect.equal(sum, 300 + 2 ^ 53 % 100 + 5)
    local names = {}
    for k in t:keys() do names[#names + 1] = ffi.string(k.name) end
    table.sort(names)
    expect.equal(names, { "one", "two" })
    local count = 0
    for v in t:itervalues() do count = count + (v.n > 0 and 1 or 0) end
    expect.equal(count, 2)
    local first = t:next()
    expect.equal({ t:next(first) ~= nil, t:next(t:next(first)) }, { true })
    t:zero()
    expect.equal({ t:len(), tonumber(t[{ 2, "two" }].n) }, { 2, 0 })
    expect.equal({ t:delete { 1, "one" }, t:delete { 1, "one" } }, { true, false })
    t:clear()
    expect.equal({ t:len(), t:get { 2, "two" } }, { 0 })
    expect.equal({ ffi.sizeof(t.Key), ffi.sizeof(t.Leaf), ffi.sizeof(t.c_leaf) },
                 { 12, 24, 24 })
  end)

  it("key_ and leaf_ sprintf and scanf", function()
    local t = b.hash
    expect.equal(t:key_sprintf { 7, "a\"b" }, [[{ 0x7 "a\"b" }]])
    local key = t:key_scanf [[{ 0x7 "a\"b" }]]
    expect.equal({ key.a, ffi.string(key.name) }, { 7, 'a"b' })
    local text = t:leaf_sprintf { { 2, 3, 4, { 5, { 6, 7 } } } }
    expect.equal(text, "{ 0x2 0x3 0x4 { 0x5 [ 0x6 0x7 ] } }")
    local leaf = t:leaf_scanf(text)
    expect.equal({ tonumber(leaf.n), leaf.part, leaf.rest, leaf.inner.y[1] },
                 { 2, 3, 4, 7 })
    expect.equal({ b.lru:key_sprintf(2), tonumber(b.lru:leaf_scanf "0xffffffffff") },
                 { "0x2", 0xffffffffff })
    expect.error("cannot read", t.leaf_scanf, t, "{ 0x2 nonsense }")
  end)

  it("batches", function()
    local t = b.lru
    t:items_update_batch({ 1, 2, 3 }, { 10, 20, 30 })
    local function sorted(iterator)
      local list = {}
      for k, v in iterator do list[#list + 1] = k * 1000 + tonumber(v) end
      table.sort(list)
      return list
    end
    expect.equal(sorted(t:items_lookup_batch()), { 1010, 2020, 3030 })
    t:items_delete_batch { 2 }
    expect.equal(sorted(t:items_lookup_and_delete_batch()), { 1010, 3030 })
    expect.equal(t:len(), 0)
    t:items_update_batch({ 4 }, { 1 })
    t:items_delete_batch()
    expect.equal(t:len(), 0)
  end)

  it("array: indices from the end, items with places, clearitem", function()
    local t = b.array
    for i = 0, 3 do t[i] = i * 10 end
    expect.equal({ tonumber(t[-1]), t:len(), tonumber(t:get(2)) }, { 30, 4, 20 })
    local places = {}
    for place, v in t:items(true) do places[place] = tonumber(v) end
    expect.equal(places, { 0, 10, 20, 30 })
    local leaves = {}
    for v in t:items() do leaves[#leaves + 1] = tonumber(v) end
    expect.equal(leaves, { 0, 10, 20, 30 })
    t:clearitem(-1)
    expect.equal(tonumber(t[3]), 0)
    expect.error("index 4 is outside 0 to 3", t.get, t, 4)
    t:clear()
    expect.equal(tonumber(t[2]), 0)
  end)

  it("per CPU: getvalue, sum, max, average, a reducer", function()
    for _, t in ipairs { b.percpu, b.percpu_array } do
      t[1] = 3
      local list = t:getvalue(1)
      expect.equal(tonumber(t:sum(1)), 3 * #list)
      expect.equal({ tonumber(t:max(1)), t:average(1) }, { 3, 3 })
      t.reducer = function(a, v) return a + v end
      expect.equal(tonumber(t[1]), 3 * #list)
      t.reducer = nil
    end
  end)

  it("programs, queues and stacks", function()
    b.programs[2] = b:load_func("tail", BPF.KPROBE)
    expect.truthy(tonumber(b.programs[2]) > 0, "a program's number")
    b.programs:delete(2)
    expect.equal(b.programs[2], nil)
    for name, wanted in pairs { queue = { 1, 2 }, stack = { 2, 1 } } do
      local t = b[name]
      t:push(1)
      t:push(2)
      expect.equal(tonumber(t:peek()), wanted[1])
      local taken = {}
      for v in t:values() do taken[#taken + 1] = tonumber(v) end
      expect.equal(taken, wanted)
      expect.equal(t:pop(), nil)
    end
  end)

  it("histograms: whole texts, sections in the script's order, JSON", function()
    local result = support.run_script [==[
return function(BPF)
  local b = BPF{text = [[
BPF_HISTOGRAM(sizes);
BPF_HISTOGRAM(by_disk, struct { char disk[8]; u64 slot; });
]]}
  b.sizes:set(3, 2)
  b.by_disk[{ "sda", 2 }] = 4
  b.by_disk[{ "sdb", 1 }] = 1
  b.sizes:print_log2_hist("bytes")
  b.sizes:print_linear_hist("n")
  b.by_disk:print_log2_hist("us", "disk", function(disk) return "<" .. disk .. ">" end)
  b.by_disk:print_log2_hist("us", "disk", nil, nil, true, function(names)
    table.sort(names, function(x, y) return x > y end)
    return names
  end)
  b.by_disk:print_log2_hist("us", "length", nil, function(key) return #key.disk end)
  b.by_disk:print_json_hist("us", "disk")
end
]==]
    expect.equal({ result.err, result.code }, { "", 0 })
    local text = result.out:gsub(" +", " "):gsub("|[* ]+|", "|")
    expect.equal(text, [[
 bytes : count distribution
 0 -> 1 : 0 |
 2 -> 3 : 0 |
 4 -> 7 : 2 |
 n : count distribution
 0 : 0 |
 1 : 0 |
 2 : 0 |
 3 : 2 |

disk = <sda>
 us : count distribution
 0 -> 1 : 0 |
 2 -> 3 : 4 |

disk = <sdb>
 us : count distribution
 0 -> 1 : 1 |

disk = sdb
 us : count distribution
 0 -> 1 : 1 |

disk = sda
 us : count distribution
 2 -> 3 : 4 |

length = 3
 us : count distribution
 0 -> 1 : 1 |
 2 -> 3 : 4 |
{"data":[{"count":4,"max":3,"min":2}],"disk":"sda","type":"hist","unit":"us"}
{"data":[{"count":1,"max":1,"min":0}],"disk":"sdb","type":"hist","unit":"us"}
]])
  end)

  it("open_perf_buffer, perf_buffer_poll, consume; open_ring_buffer; event", function()
    b:attach_uprobe { name = "c", sym = "getpgid", fn_name = "emit" }
    local seen = {}
    b.perf:open_perf_buffer(function(cpu, event)
      seen[#seen + 1] = { type(cpu), b.perf:event(event).number }
    end)
    b.ring:open_ring_buffer(function(context, event, size)
      seen[#seen + 1] = { context, b.ring:event(event).number, size }
    end, "context")
    ffi.C.getpgid(12)
    tool.wait_for("events", function()
      b:perf_buffer_poll(20)
      b:ring_buffer_poll(20)
      return #seen == 2
    end)
    table.sort(seen, function(x, y) return x[1] < y[1] end)
    expect.equal(seen, { { "context", 12, 8 }, { "number", 12 } })
    ffi.C.getpgid(13)
    b:perf_buffer_consume()
    b:ring_buffer_consume()
    b.ring:open_ring_buffer(function() return -5 end)
    ffi.C.getpgid(14)
    expect.equal(tool.wait_for("a result", function()
      local result = b:ring_buffer_poll(50)
      return result == -5 and result
    end), -5)
  end)
  it("tells the callback what was lost, to the last record", function()
    local small = BPF { text = ([[
      BPF_PERF_OUTPUT(events)
      int flood(struct pt_regs *ctx) {
        struct { u64 room[40]; } e = {};
        if ((bpf_get_current_pid_tgid() >> 32) != TGID) return 0;
        events.perf_submit(ctx, &e, sizeof(e));
        return 0;
      }]]):gsub("TGID", tostring(support.pid)) }
    small:attach_uprobe { name = "c", sym = "getpgid", fn_name = "flood" }
    local got, lost = 0, 0
    small.events:open_perf_buffer(function() got = got + 1 end,
      "struct { uint64_t room[40]; }", nil, 1, function(_, n) lost = lost + n end)
    for _ = 1, 100 do ffi.C.getpgid(0) end
    tool.wait_for("all", function()
      small:perf_buffer_poll(10)
      return got + lost >= 100
    end)
    expect.equal({ got > 0, lost > 0, got + lost }, { true, true, 100 })
    small:close()
  end)

  it("ends", function() b:close() end)
end)

describe("questions about the kernel", function()
  it("system calls, symbols, tracepoints", function()
    local prefix = BPF.get_syscall_prefix()
    expect.truthy(prefix:find "sys_$", prefix)
    expect.equal(BPF.get_syscall_fnname "openat", prefix .. "openat")
    expect.equal(BPF.fix_syscall_fnname "sys_openat", prefix .. "openat")
    expect.equal(BPF.fix_syscall_fnname "vfs_read", "vfs_read")
    local address = BPF.ksymname "vfs_read"
    if address == -1 then skip "the kernel shows no addresses" end
    expect.equal({ BPF.ksym(address), BPF.ksym(address + 1, true, true) },
                 { "vfs_read", "vfs_read+0x1 [kernel]" })
    expect.equal({ BPF.sym(address, -1), BPF.ksymname "no_such_symbol" },
                 { "vfs_read", -1 })
    expect.equal({ BPF.tracepoint_exists("sched", "sched_switch"),
                   BPF.tracepoint_exists("sched", "nothing") }, { true, false })
    expect.equal(BPF.get_tracepoints "sched:sched_switch$", { "sched:sched_switch" })
    expect.equal(BPF.get_kprobe_functions "vfs_read$", { "vfs_read" })
  end)

  it("user functions and files", function()
    local path = BPF.find_library "c"
    expect.truthy(path:find "/libc%.so", path)
    expect.equal({ BPF.find_library "nosuchlibrary", BPF.find_exe "nosuchprogram" }, {})
    expect.truthy(BPF.find_exe("sh"):find "/sh$", "sh")
    expect.equal(BPF.get_user_functions("c", "getpgid$"), { "getpgid" })
    local pair = BPF.get_user_functions_and_addresses("c", "getpgid$")[1]
    expect.equal({ pair[1], pair[2] > 0 }, { "getpgid", true })
    local here = ffi.cast("uintptr_t", ffi.C.getpgid)
    expect.truthy(BPF.sym(here, support.pid):find "getpgid", BPF.sym(here, support.pid))
  end)

  it("support_*, fields and enumerators, time", function()
    for _, name in ipairs { "kfunc", "lsm", "fmod_ret", "raw_tracepoint",
                            "raw_tracepoint_in_module" } do
      expect.equal(type(BPF["support_" .. name]()), "boolean")
    end
    expect.equal({ BPF.kernel_struct_has_field("task_struct", "pid"),
                   BPF.kernel_struct_has_field("task_struct", "nothing"),
                   BPF.kernel_struct_has_field("no_such_struct", "pid"),
                   BPF.kernel_enum_has_val("bpf_map_type", "BPF_MAP_TYPE_HASH"),
                   BPF.kernel_enum_has_val("bpf_map_type", "NOTHING") },
                 { true, false, false, true, false })
    local before = BPF.monotonic_time()
    expect.truthy(BPF.monotonic_time() >= before, "time")
    expect.equal({ BPF.generate_auto_includes "", type(BPF.free_bcc_memory()) },
                 { "", "number" })
  end)
end)

describe("trace_*", function()
  it("trace_open, readline, fields", function()
    local b = BPF { text = ([[
      int hello(struct pt_regs *ctx) {
        if ((bpf_get_current_pid_tgid() >> 32) == TGID) bpf_trace_printk("hello %d\n", 7);
        return 0;
      }]]):gsub("TGID", tostring(support.pid)) }
    b:attach_uprobe { name = "c", sym = "getpgid", fn_name = "hello" }
    expect.equal(b:trace_open(), b:pipe())
    while b:trace_fields(true) do end
    ffi.C.getpgid(0)
    local line, message
    tool.wait_for("the line", function()
      local task, pid, cpu, flags, time, text = b:trace_fields(true)
      if pid ~= support.pid then return false end
      line = { type(task), cpu >= 0, type(flags), time > 0 }
      message = text
      return true
    end)
    expect.equal(message, "hello 7")
    expect.equal(line, { "string", true, "string", true })
    ffi.C.getpgid(0)
    tool.wait_for("the text", function()
      local text = b:trace_readline(true)
      return text and text:find("hello 7", 1, true)
    end)
    b:pipe():close()
    b:close()
  end)
end)

describe("USDT", function()
  it("enumerates probes, types and places", function()
    local u = Usdt { path = folder .. "static_probes" }
    local found = {}
    for _, probe in ipairs(u:enumerate_probes()) do found[probe.name] = probe end
    expect.equal({ found.twice.provider, #found.twice.locations }, { "ebl_test", 2 })
    expect.equal({ u:get_probe_arg_ctype("values", 0), u:get_probe_arg_ctype("values", 2),
                   u:get_probe_arg_ctype("values", 9) }, { "int32_t", "uint64_t" })
    u:enable_probe_or_bail("twice", "f")
    expect.equal(#u:enumerate_active_probes(), 2)
    expect.truthy(u:get_text():find("_bpf_readarg_f_1", 1, true), "readers")
    expect.error("there is no probe 'vaules'", u.enable_probe, u,
                 { probe = "vaules", fn_name = "f" })
    expect.error("USDT takes a pid or a path", Usdt, {})
  end)

  it("of a process, which alone is seen", function()
    local out = os.tmpname()
    local running = io.popen(("echo $$ >%s; exec %sstatic_probes 2 wait >/dev/null")
                             :format(out, folder), "w")
    local pid = tool.wait_for("the process", function()
      local file = assert(io.open(out))
      local number = file:read "*n"
      file:close()
      return number and require("bpf.look_up").comm(number) == "static_probes" and number
    end)
    os.remove(out)
    local u = Usdt { pid = pid }
    u:enable_probe { probe = "values", fn_name = "on_values" }
    local b = BPF { usdt = u, text = [[
      BPF_ARRAY(sum, u64, 1);
      int on_values(struct pt_regs *ctx) {
        int round = 0;
        bpf_usdt_readarg(1, ctx, &round);
        sum.increment(0, round);
        return 0;
      }]] }
    support.sh(folder .. "static_probes 3")
    running:write "\n\n"
    running:close()
    expect.equal(tonumber(b.sum[0]), 3)
    b:close()
  end)
end)

it("nothing is left running", function()
  BPF.cleanup()
  expect.equal({ BPF.num_open_kprobes(), BPF.num_open_uprobes() }, { 0, 0 })
  expect.equal({ BPF.num_open_tracepoints(), loop.stopping() }, { 0, false })
end)
