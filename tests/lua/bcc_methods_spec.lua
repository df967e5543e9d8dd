--- The methods of BCC C's maps, each called in a probe and seen to do its work.
local bpf = require "bpf"
local ffi = require "ffi"
local harness = require "harness"
local kernel = require "kernel"
local net = require "net"
local support = require "support"
local rows = require "bcc_rows"
local expect = harness.expect
local row = rows.of "methods"

ffi.cdef [[
int kill(int pid, int signal);
int unshare(int flags);
int open(const char *path, int flags, ...);
int close(int fd);
long syscall(long number, ...);
]]
local C = ffi.C

local function load(text)
  return kernel.try(bpf.load, { source = text, dialect = "bcc", name = "methods" })
end

--- Runs the body of a probe once, in this process, between `top` and its closing brace.
--- The maps of `top` can be read until the object is closed.
local function run(top, body, check)
  local obj = load(("BPF_HASH(seen, int, s64);\n%s\n"
    .. "static void put(int key, s64 value) { seen.update(&key, &value); }\n"
    .. "int probe(struct pt_regs *ctx)\n{\n%s\nreturn 0;\n}"):format(top, body))
  local link = kernel.attach(obj.programs.probe, "uprobe:libc:kill",
    { pid = support.pid })
  C.kill(support.pid, 0)
  link:close()
  local seen = {}
  for key, value in obj.maps.seen:pairs() do seen[key] = value end
  if check then check(obj, seen) end
  obj:close()
  return seen
end

local HASH = "BPF_HASH(t, u32, u64, 2);"
local K = "u32 k = 1; u64 v = 10, zero = 0, *p;\n"

--- A system call by its number on x86-64 and arm64.
local function number(x86, arm) return ffi.arch == "arm64" and arm or x86 end

--- Sets a 4-byte element of a map that takes descriptors.
local function set_descriptor(map, index, fd)
  local attributes = ffi.new("uint64_t[4]", map:fd(), 0, 0, 0)
  local key, value = ffi.new("uint32_t[1]", index), ffi.new("uint32_t[1]", fd)
  attributes[1] = ffi.cast("uintptr_t", key)
  attributes[2] = ffi.cast("uintptr_t", value)
  expect.equal(tonumber(C.syscall(number(321, 280), ffi.cast("long", 2), attributes,
                                  ffi.cast("long", 32))), 0)
end

--- A counter of a processor's clock in nanoseconds.
local function clock_counter(cpu)
  local attributes = ffi.new("uint32_t[16]", 1, 64)
  local long = function(n) return ffi.cast("long", n) end
  local fd = C.syscall(number(298, 241), attributes, long(-1), long(cpu), long(-1),
    long(0))
  expect.truthy(fd >= 0, "perf_event_open")
  return tonumber(fd)
end

local function cgroup_root()
  for line in io.lines("/proc/self/mounts") do
    local place = line:match("^%S+ (%S+) cgroup2 ")
    if place then return place end
  end
  harness.skip("no cgroup2 is mounted")
end

--- Everything of a program on the loopback device of a network of its own.
local function alone()
  expect.equal(C.unshare(0x40000000), 0)
  support.sh("ip link set lo up")
end

local function send() support.sh("echo hello > /dev/udp/127.0.0.1/9999") end

harness.describe("a method of a BCC map", function()
  row("lookup", function()
    expect.equal(run(HASH, K .. [[put(0, t.lookup(&k) == 0); t.update(&k, &v);
      p = t.lookup(&k); if (p) { put(1, *p); *p = 7; }
      p = t.lookup(&k); if (p) put(2, *p);]]), { [0] = 1, 10, 7 })
  end)

  row("lookup_or_try_init", function()
    expect.equal(run(HASH, K .. [[u32 k2 = 2, k3 = 3;
      p = t.lookup_or_try_init(&k, &v); if (p) put(1, (*p)++);
      p = t.lookup_or_try_init(&k, &zero); if (p) put(2, *p);
      t.lookup_or_try_init(&k2, &v); put(3, t.lookup_or_try_init(&k3, &v) == 0);]]),
      { 10, 11, 1 })
  end)

  row("lookup_or_init", function()
    expect.equal(run(HASH .. [[
      static int full(void) { u32 k = 5; u64 v = 1; *t.lookup_or_init(&k, &v) += 1;
        return 9; }
      static void nothing(void) { u32 k = 5; u64 v = 1; *t.lookup_or_init(&k, &v) += 1;
        }]],
      K .. [[u32 k2 = 2;
      *t.lookup_or_init(&k, &v) += 5; put(1, *t.lookup_or_init(&k, &zero));
      t.lookup_or_init(&k2, &zero); put(2, full() + 1); nothing(); put(3, 3);
      k = 6; t.lookup_or_init(&k, &zero); put(4, 4);]]), { 15, 1, 3 })
  end)

  row("update", function()
    expect.equal(run(HASH, K .. [[put(1, t.update(&k, &v) + 1); v = 11;
      put(2, t.update(&k, &v) + 1); p = t.lookup(&k); if (p) put(3, *p);
      k = 2; t.update(&k, &v); k = 3; put(4, t.update(&k, &v));]]), { 1, 1, 11, -7 })
  end)

  row("insert", function()
    expect.equal(run(HASH, K .. [[put(1, t.insert(&k, &v) + 1);
      put(2, t.insert(&k, &v));]]),
      { 1, -17 })
  end)

  row("delete", function()
    expect.equal(run(HASH, K .. [[put(1, t.delete(&k)); t.update(&k, &v);
      put(2, t.delete(&k) + 1); put(3, t.lookup(&k) == 0);]]), { -2, 1, 1 })
  end)

  row("increment", function()
    run("struct key { u32 a; char text[8]; };\nBPF_HASH(t, struct key, u32);\n"
        .. "BPF_ARRAY(a, u64, 4); BPF_HISTOGRAM(h);", [[
      struct key k = { .a = 1, .text = "text" };
      t.increment(k); t.increment(k); t.increment(k, 40); k.a++; t.increment(k, 7);
      a.increment(3); a.increment(3, 2); a.increment(9); h.increment(5, -1);
        h.increment(5);
    ]], function(obj)
      expect.equal(obj.maps.t[{ a = 1, text = "text" }], 42)
      expect.equal(obj.maps.t[{ a = 2, text = "text" }], 7)
      expect.equal({ obj.maps.a[3], obj.maps.h[5] }, { 3, 0 })
    end)
    expect.error("increment() needs a map of numbers, and 't' holds", load,
      "struct v { int a; };\nBPF_HASH(t, u32, struct v);\n"
      .. "int f(void *ctx) { t.increment(1); return 0; }")
    expect.error("increment() takes a key and a number", load,
      "BPF_HASH(t);\nint f(void *ctx) { t.increment(1, 2, 3); return 0; }")
  end)

  row("atomic_increment", function()
    run("BPF_HASH(t, u32, u64);", [[t.atomic_increment(1); t.atomic_increment(1);
      t.atomic_increment(1, 40);]], function(obj) expect.equal(obj.maps.t[1], 42) end)
  end)

  row("increment of per-CPU and LRU maps", function()
    run([[BPF_PERCPU_HASH(a, u32, u64); BPF_PERCPU_ARRAY(b, u64, 2);
      BPF_TABLE("lru_hash", u32, u64, c, 8);
        BPF_TABLE("lru_percpu_hash", u32, u64, d, 800);]],
      [[a.increment(1); a.increment(1, 4); b.increment(1, 5); c.increment(1);
        c.increment(1, 4);
      d.increment(1, 2); d.atomic_increment(1, 3);]], function(obj)
      local maps = obj.maps
      expect.equal({ maps.a[1]:sum(), maps.b[1]:sum(), maps.c[1], maps.d[1]:sum() },
                   { 5, 5, 5, 5 })
    end)
  end)

  local EVENT = [[
    enum colour { RED = 1, GREEN };
    struct inner { u16 a; u8 b[3]; };
    struct event {
      u32 pid; struct inner in; union { u64 whole; u32 half; };
        unsigned low : 3, high : 5;
      enum colour colour; char comm[16];
    };
    static void fill(struct event *e)
    {
      e->pid = bpf_get_current_pid_tgid() >> 32; e->in.a = 513; e->in.b[2] = 9;
      e->whole = 1ull << 33 | 5; e->low = 5; e->high = 17; e->colour = GREEN;
      bpf_get_current_comm(&e->comm, sizeof(e->comm));
    }
  ]]
  local function check_event(e)
    expect.equal({ e.pid, e["in"].a, e["in"].b[3], e.whole, e.half, e.low, e.high,
                   e:name("colour"), e.comm },
                 { support.pid, 513, 9, 2 ^ 33 + 5, 5, 5, 17, "GREEN", "ebpf-lua" })
  end
  local function one_event(top, body)
    run(EVENT .. top, body, function(obj)
      local events = obj.maps.events:read()
      expect.equal(#events, 1)
      check_event(events[1])
    end)
  end

  row("the type of a record needs no second declaration", function()
    one_event("BPF_RINGBUF_OUTPUT(events, 1);\n#define SEND(m, e) m.ringbuf_output(e, "
              .. "sizeof(*(e)), 0)", "struct event e = {}; fill(&e); SEND(events, &e);")
  end)

  row("perf_submit", function()
    local obj = load(EVENT .. [[
      BPF_PERF_OUTPUT(events);
      int probe(struct pt_regs *ctx)
      { struct event e = {}; fill(&e); events.perf_submit(ctx, &e, sizeof(e)); return 0;
        }]])
    local count = 0
    obj.maps.events:each(function(e) check_event(e) count = count + 1 end)
    kernel.attach(obj.programs.probe, "uprobe:libc:kill", { pid = support.pid })
    C.kill(support.pid, 0)
    bpf.poll(100)
    obj:close()
    expect.equal(count, 1)
  end)

  row("ringbuf_output", function()
    one_event("BPF_RINGBUF_OUTPUT(events, 1);",
              "struct event e = {}; fill(&e); events.ringbuf_output(&e, sizeof(e), 0);")
  end)

  row("ringbuf_reserve and ringbuf_submit", function()
    one_event("BPF_RINGBUF_OUTPUT(events, 1);", [[
      struct event *e = events.ringbuf_reserve(sizeof(*e));
      if (!e) return 0;
      __builtin_memset(e, 0, sizeof(*e)); fill(e); events.ringbuf_submit(e, 0);]])
  end)

  row("ringbuf_discard", function()
    run("BPF_RINGBUF_OUTPUT(events, 1);", [[
      u64 *e = events.ringbuf_reserve(sizeof(*e));
      if (e) { *e = 1; events.ringbuf_discard(e, 0); put(1, 1); }]],
      function(obj, seen)
        expect.equal(seen, { 1 })
        expect.equal(#obj.maps.events:read(), 0)
      end)
  end)

  row("ringbuf_query", function()
    local page = tonumber(support.sh("getconf PAGE_SIZE").out)
    expect.equal(run("BPF_RINGBUF_OUTPUT(events, 2);", [[
      u64 e = 1; events.ringbuf_output(&e, sizeof(e), 0);
      put(1, events.ringbuf_query(BPF_RB_RING_SIZE));
      put(2, events.ringbuf_query(BPF_RB_AVAIL_DATA));]]), { 2 * page, 16 })
  end)

  row("get_stackid", function()
    local seen = run("BPF_STACK_TRACE(stacks, 64);",
      "put(1, stacks.get_stackid(ctx, BPF_F_USER_STACK) >= 0);")
    expect.equal(seen, { 1 })
    expect.error("no member named 'get_stackid'", load,
                 "BPF_HASH(t);\nint f(void *ctx) { return t.get_stackid(ctx, 0); }")
  end)

  row("call", function()
    local obj = load [[
      BPF_PROG_ARRAY(jumps, 4);
      BPF_ARRAY(seen, u64, 4);
      int second(void *ctx) { seen.increment(2); return 0; }
      int probe(void *ctx)
      { seen.increment(1); jumps.call(ctx, 3); seen.increment(0); return 0; }]]
    local link = kernel.attach(obj.programs.probe, "uprobe:libc:kill",
      { pid = support.pid })
    C.kill(support.pid, 0)
    obj.programs.second:load("uprobe:libc:kill")
    set_descriptor(obj.maps.jumps, 3, obj.programs.second:fd())
    C.kill(support.pid, 0)
    link:close()
    expect.equal({ obj.maps.seen[0], obj.maps.seen[1], obj.maps.seen[2] }, { 1, 2, 1 })
    obj:close()
  end)

  for _, method in ipairs { "perf_read", "perf_counter_value" } do
    row(method, function()
      local obj = load(([[
        BPF_PERF_ARRAY(clocks, 256);
        BPF_HASH(seen, int, s64);
        static void put(int key, s64 value) { seen.update(&key, &value); }
        int probe(void *ctx)
        {
          u32 cpu = bpf_get_smp_processor_id();
          struct bpf_perf_event_value value = {};
          #if %d
          put(1, clocks.perf_counter_value(cpu, &value, sizeof(value)) == 0);
          put(2, value.counter > 1000);
          #else
          u64 ns = clocks.perf_read(cpu);
          put(1, 1);
          put(2, (s64)ns > 1000);
          #endif
          return 0;
        }]]):format(method == "perf_counter_value" and 1 or 0))
      kernel.attach(obj.programs.probe, "uprobe:libc:kill", { pid = support.pid })
      local cpus = tonumber(support.sh("nproc --all").out)
      for cpu = 0, cpus - 1 do set_descriptor(obj.maps.clocks, cpu,
        clock_counter(cpu)) end
      support.sleep(0.01)
      C.kill(support.pid, 0)
      expect.equal({ obj.maps.seen[1], obj.maps.seen[2] }, { 1, 1 })
      obj:close()
    end)
  end

  row("check_current_task", function()
    local obj = load [[
      BPF_CGROUP_ARRAY(groups, 2);
      BPF_HASH(seen, int, s64);
      int probe(void *ctx)
      { int k = 1; s64 v = groups.check_current_task(0); seen.update(&k, &v); return 0;
        }]]
    kernel.attach(obj.programs.probe, "uprobe:libc:kill", { pid = support.pid })
    local fd = C.open(cgroup_root(), 0)
    set_descriptor(obj.maps.groups, 0, fd)
    C.close(fd)
    C.kill(support.pid, 0)
    expect.equal(obj.maps.seen[1], 1)
    obj:close()
  end)

  row("push, pop and peek", function()
    expect.equal(run("BPF_QUEUE(q, u64, 2); BPF_STACK(s, u64, 2);", [[
      u64 v = 1; q.push(&v, 0); s.push(&v, 0); v = 2; q.push(&v, 0); s.push(&v, 0);
      v = 3; put(1, q.push(&v, 0)); put(2, s.push(&v, BPF_EXIST) + 1);
      q.peek(&v); put(3, v); q.pop(&v); put(4, v); s.pop(&v); put(5, v); s.peek(&v);
      put(6, v); s.pop(&v); put(7, s.pop(&v));]]), { -7, 1, 1, 1, 3, 2, -2 })
  end)

  row("a method through a pointer, and in a macro", function()
    run(HASH .. "BPF_ARRAY(a, u64, 2);\n#define ADD(map, k) map.increment(k)\n"
        .. "#define GET(k) t.lookup(k)", K .. [[
      typeof(t) *by = &t;
      by->update(&k, &v); by->increment(k); by->increment(k, 5); ADD(t, k);
      *by->lookup_or_init(&k, &zero) += 100;
      p = GET(&k); if (p) put(1, *p); ADD(a, 1);]],
      function(obj, seen) expect.equal({ seen[1], obj.maps.a[1] }, { 117, 1 }) end)
  end)

  row("task_storage_get and task_storage_delete", function()
    local obj = load((([[
      BPF_TASK_STORAGE(own, u64);
      BPF_HASH(seen, int, s64);
      int probe(u64 *ctx)
      {
        struct task_struct *task = (void *)bpf_get_current_task_btf();
        int k; s64 v;
        u64 *n = own.task_storage_get(task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
        if (bpf_get_current_pid_tgid() >> 32 != ME || !n) return 0;
        *n += 1; k = 1; v = *n; seen.update(&k, &v);
        if (v == 2) { k = 2; v = own.task_storage_delete(task) + 1; seen.update(&k, &v); }
        return 0;
      }]]):gsub("ME", support.pid)))
    kernel.attach(obj.programs.probe, "tp_btf:sys_enter")
    for _ = 1, 3 do C.kill(support.pid, 0) end
    expect.truthy(obj.maps.seen[1] >= 1, "counted")
    expect.equal(obj.maps.seen[2], 1)
    obj:close()
  end)

  row("inode_storage_get and inode_storage_delete", function()
    local obj = load [[
      BPF_INODE_STORAGE(own, u64);
      BPF_HASH(seen, int, s64);
      LSM_PROBE(inode_getattr, const struct path *path)
      {
        struct inode *inode = path->dentry->d_inode;
        u64 *n = own.inode_storage_get(inode, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
        int k = 1; s64 v;
        if (!n) return 0;
        *n += 1; v = *n; seen.update(&k, &v); own.inode_storage_delete(inode);
        return 0;
      }]]
    kernel.try(obj.attach, obj)
    support.sh("stat /")
    expect.equal(obj.maps.seen[1], 1)
    obj:close()
  end)

  --- A program on the loopback device, or on the cgroup of all, while a packet passes.
  local function on_packet(text, spec, check, traffic)
    alone()
    local obj = load("BPF_HASH(seen, int, s64);\n"
      .. "static void put(int key, s64 value) { seen.update(&key, &value); }\n" .. text)
    for name, program in pairs(obj.programs) do
      if name:find("^probe") then kernel.attach(program, spec) end
    end
    local events = rawget(obj.maps, "events")
    if events then events:each(function(e) obj.found = e:table() end) end
    local done = (traffic or send)()
    if events then bpf.poll(100) end
    check(obj, done)
    obj:close()
  end

  row("perf_submit_skb", function()
    on_packet([[
      struct event { u32 length; u16 protocol; };
      BPF_PERF_OUTPUT(events);
      int probe(struct __sk_buff *skb)
      {
        struct event e = { .length = skb->len, .protocol = ntohs(skb->protocol) };
        if (e.protocol == ETH_P_IP) events.perf_submit_skb(skb, skb->len, &e, sizeof(e));
        return TC_ACT_OK;
      }]], "tcx:lo:ingress", function(obj)
      expect.equal(obj.found.protocol, 0x800)
      expect.truthy(obj.found.length > 20, "length")
    end)
  end)

  row("redirect_map", function()
    on_packet([[
      BPF_DEVMAP(devices, 4);
      int probe(struct xdp_md *ctx)
      { int how = devices.redirect_map(1, XDP_PASS); put(1, how); return how; }]],
      "xdp:lo:generic", function(obj) expect.equal(obj.maps.seen[1], 2) end)
  end)

  local function connect()
    local listener = assert(net.listener("127.0.0.1", 0))
    local client = assert(net.client(listener:name()))
    local server = assert(listener:accept())
    client:send "x"
    local arrived = server:receive(1)
    for _, socket in ipairs { client, server, listener } do socket:close() end
    return arrived
  end
  for kind, row_name in pairs { map = "sock_map_update", hash = "sock_hash_update" } do
    row(row_name, function()
      on_packet(([[
        BPF_SOCK%s(sockets%s);
        int probe(struct bpf_sock_ops *ops)
        {
          u32 key = 1;
          if (ops->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
            put(1, sockets.sock_%s_update(ops, &key, BPF_ANY) + 1);
          return 1;
        }]]):format(kind:upper(), kind == "map" and ", 4" or "", kind),
        ("cgroup:%s:sock_ops"):format(cgroup_root()),
        function(obj, arrived)
          expect.equal(arrived, "x")
          expect.equal(obj.maps.seen[1], 1)
        end, connect)
    end)
  end

  row("get_local_storage", function()
    on_packet([[
      BPF_CGROUP_STORAGE(own, u64);
      int probe(struct __sk_buff *skb)
      { u64 *n = own.get_local_storage(0); __sync_fetch_and_add(n, 1); put(1, *n);
        return 1; }]],
      ("cgroup:%s:egress"):format(cgroup_root()),
      function(obj) expect.truthy(obj.maps.seen[1] >= 1, "packets") end)
  end)

  row("sk_storage_get and sk_storage_delete", function()
    on_packet([[
      BPF_SK_STORAGE(own, u64);
      int probe(struct __sk_buff *skb)
      {
        struct bpf_sock *sk = skb->sk;
        if (!sk) return 1;
        sk = bpf_sk_fullsock(sk);
        if (!sk) return 1;
        u64 *n = own.sk_storage_get(sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
        if (n) { *n += 1; put(1, *n); put(2, own.sk_storage_delete(sk) + 1); }
        return 1;
      }]], ("cgroup:%s:egress"):format(cgroup_root()),
      function(obj) expect.equal({ obj.maps.seen[1], obj.maps.seen[2] }, { 1, 1 }) end)
  end)

  row("msg_redirect_hash", function()
    local obj = load [[
      BPF_SOCKHASH(sockets);
      int probe(struct sk_msg_md *message)
      { u32 key = 1; return sockets.msg_redirect_hash(message, &key, BPF_F_INGRESS); }]]
    kernel.try(obj.programs.probe.load, obj.programs.probe, "sockmap:sockets:sk_msg")
    obj:close()
  end)

  row("sk_redirect_hash", function()
    local obj = load [[
      BPF_SOCKHASH(sockets);
      int probe(struct __sk_buff *skb)
      { u32 key = 1; return sockets.sk_redirect_hash(skb, &key, 0); }]]
    kernel.try(obj.programs.probe.load, obj.programs.probe,
      "sockmap:sockets:stream_verdict")
    obj:close()
  end)

  row.complete()
end)
