--- The map macros of BCC C: every form of their arguments, as the kernel has the maps
--- then.
local bpf = require "bpf"
local ffi = require "ffi"
local harness = require "harness"
local kernel = require "kernel"
local support = require "support"
local rows = require "bcc_rows"
local expect = harness.expect
local row = rows.of "maps"

ffi.cdef [[
int kill(int pid, int signal);
int ebl_possible_cpus(void);
]]

local function load(text, options)
  local request = { source = text, dialect = "bcc", name = "maps" }
  for name, value in pairs(options or {}) do request[name] = value end
  return kernel.try(bpf.load, request)
end

--- Makes the maps of `text` in the kernel; {type, key size, value size, entries, flags}
--- of each, by name.
local function made(text)
  local obj = load(text .. "\nint program(void *ctx) { return 0; }")
  kernel.try(obj.ensure_loaded, obj)
  local found = {}
  for name, map in pairs(obj.maps) do
    local info = map:info()
    found[name] = { info.type, info.key_size, info.value_size, info.max_entries,
      info.flags }
  end
  obj:close()
  return found
end

harness.describe("a map of BCC C", function()
  row("BPF_TABLE of every type", function()
    expect.equal(made [[
      struct pair { u32 a; u64 b; };
      BPF_TABLE("hash", u32, struct pair, a, 10);
      BPF_TABLE("array", int, u32, b, 11);
      BPF_TABLE("percpu_hash", u64, u64, c, 12);
      BPF_TABLE("percpu_array", int, u64, d, 13);
      BPF_TABLE("lru_hash", u32, u8, e, 14);
      BPF_TABLE("lru_percpu_hash", u32, u64, f, 15);
      BPF_TABLE("histogram", int, u64, g, 16);
      BPF_TABLE("histogram", u32, u64, h, 17);
      BPF_TABLE("prog", u32, u32, i, 18);
      BPF_TABLE("perf_array", int, u32, j, 19);
      BPF_TABLE("stacktrace", int, struct bpf_stacktrace, k, 32);
      BPF_TABLE("cgroup_array", int, u32, l, 20);
    ]], {
      a = { "hash", 4, 16, 10, 0 }, b = { "array", 4, 4, 11, 0 },
      c = { "percpu_hash", 8, 8, 12, 0 }, d = { "percpu_array", 4, 8, 13, 0 },
      e = { "lru_hash", 4, 1, 14, 0 }, f = { "lru_percpu_hash", 4, 8, 15, 0 },
      g = { "array", 4, 8, 16, 0 }, h = { "hash", 4, 8, 17, 0 },
      i = { "prog_array", 4, 4, 18, 0 }, j = { "perf_event_array", 4, 4, 19, 0 },
      k = { "stack_trace", 4, 1016, 32, 0 }, l = { "cgroup_array", 4, 4, 20, 0 },
    })
    expect.equal(made [[
      struct key { u32 length; u32 address; };
      BPF_TABLE("lpm_trie", struct key, u64, a, 10);
      BPF_TABLE("devmap", int, int, b, 4);
      BPF_TABLE("cpumap", int, u32, c, 1);
      BPF_TABLE("xskmap", int, int, d, 4);
      BPF_TABLE("sockmap", int, int, e, 4);
      BPF_TABLE("sockhash", u32, int, f, 4);
    ]], {
      a = { "lpm_trie", 8, 8, 10, 1 }, b = { "devmap", 4, 4, 4, 0 },
      c = { "cpumap", 4, 4, 1, 0 }, d = { "xskmap", 4, 4, 4, 0 },
      e = { "sockmap", 4, 4, 4, 0 }, f = { "sockhash", 4, 4, 4, 0 },
    })
  end)

  row("BPF_F_TABLE", function()
    expect.equal(made [[BPF_F_TABLE("hash", u32, u64, a, 10, BPF_F_NO_PREALLOC);]],
                 { a = { "hash", 4, 8, 10, 1 } })
  end)

  row("BPF_TABLE_PINNED", function()
    local text = [[
      BPF_TABLE_PINNED("hash", u32, u64, pinned, 10, "/sys/fs/bpf/ebl_pin/deep/map");
      BPF_TABLE_PINNED("array", int, u64, flagged, 10, "/sys/fs/bpf/ebl_pin/array",
                       BPF_F_MMAPABLE);
      int program(void *ctx) { return 0; }]]
    local first, second = load(text), load(text)
    kernel.try(first.ensure_loaded, first)
    first.maps.pinned[1] = 11
    expect.equal(second.maps.pinned[1], 11)
    expect.equal(first.maps.flagged:info().flags, 1024)
    local other = load((text:gsub("u32, u64, pinned", "u64, u64, pinned")))
    expect.error("pinned", other.ensure_loaded, other)
    for _, object in ipairs { first, second, other } do object:close() end
    support.sh("rm -r /sys/fs/bpf/ebl_pin")
  end)

  for _, how in ipairs { "PUBLIC", "SHARED" } do
    row(("BPF_TABLE_%s and extern"):format(how), function()
      local owner = load(('BPF_TABLE_%s("lru_hash", u32, u64, offered, 10);\n')
        :format(how)
                         .. "int program(void *ctx) { return 0; }")
      local user = load [[
        BPF_TABLE("extern", u32, u64, offered, 10);
        int program(void *ctx) { offered.increment(7); return 0; }]]
      expect.error("no loaded object offers a map of that name", user.ensure_loaded, user)
      owner:ensure_loaded()
      user.programs.program:attach("uprobe:libc:kill", { pid = support.pid })
      ffi.C.kill(support.pid, 0)
      expect.equal(owner.maps.offered[7], 1)
      local wrong = load('BPF_TABLE("extern", u32, u32, offered, 10);')
      expect.error("values of 4 bytes", wrong.ensure_loaded, wrong)
      for _, object in ipairs { owner, user, wrong } do object:close() end
    end)
  end

  row("BPF_HASH", function()
    expect.equal(made [[
      struct key { u64 a; u32 b; };
      BPF_HASH(a); BPF_HASH(b, u32); BPF_HASH(c, struct key, u32);
        BPF_HASH(d, u8, u16, 100);
      BPF_HASH(e, struct key, struct { u32 x; u32 y; });]], {
      a = { "hash", 8, 8, 10240, 0 }, b = { "hash", 4, 8, 10240, 0 },
      c = { "hash", 16, 4, 10240, 0 }, d = { "hash", 1, 2, 100, 0 },
      e = { "hash", 16, 8, 10240, 0 },
    })
  end)

  row("BPF_PERCPU_HASH", function()
    expect.equal(made [[BPF_PERCPU_HASH(a); BPF_PERCPU_HASH(b, u32);
      BPF_PERCPU_HASH(c, u32, u32);
                        BPF_PERCPU_HASH(d, u32, u32, 100);]], {
      a = { "percpu_hash", 8, 8, 10240, 0 }, b = { "percpu_hash", 4, 8, 10240, 0 },
      c = { "percpu_hash", 4, 4, 10240, 0 }, d = { "percpu_hash", 4, 4, 100, 0 },
    })
  end)

  row("BPF_LPM_TRIE", function()
    expect.equal(made [[
      struct key { u32 length; u32 address; };
      BPF_LPM_TRIE(a); BPF_LPM_TRIE(b, struct key); BPF_LPM_TRIE(c, struct key, u32);
      BPF_LPM_TRIE(d, struct key, u32, 100);]], {
      a = { "lpm_trie", 8, 8, 10240, 1 }, b = { "lpm_trie", 8, 8, 10240, 1 },
      c = { "lpm_trie", 8, 4, 10240, 1 }, d = { "lpm_trie", 8, 4, 100, 1 },
    })
  end)

  row("BPF_ARRAY", function()
    expect.equal(made [[BPF_ARRAY(a); BPF_ARRAY(b, u32); BPF_ARRAY(c, u32, 100);]],
                 { a = { "array", 4, 8, 10240, 0 }, b = { "array", 4, 4, 10240, 0 },
                   c = { "array", 4, 4, 100, 0 } })
  end)

  row("BPF_PERCPU_ARRAY", function()
    expect.equal(made [[BPF_PERCPU_ARRAY(a); BPF_PERCPU_ARRAY(b, u32);
                        BPF_PERCPU_ARRAY(c, u32, 100);]],
                 { a = { "percpu_array", 4, 8, 10240, 0 },
                   b = { "percpu_array", 4, 4, 10240, 0 },
                     c = { "percpu_array", 4, 4, 100, 0 } })
  end)

  row("BPF_HISTOGRAM", function()
    expect.equal(made [[
      typedef struct key { u32 a; u64 slot; } key_t;
      BPF_HISTOGRAM(a); BPF_HISTOGRAM(b, int); BPF_HISTOGRAM(c, int, 100);
      BPF_HISTOGRAM(d, u32); BPF_HISTOGRAM(e, key_t, 200);]], {
      a = { "array", 4, 8, 64, 0 }, b = { "array", 4, 8, 64, 0 },
      c = { "array", 4, 8, 100, 0 }, d = { "hash", 4, 8, 64, 0 },
      e = { "hash", 16, 8, 200, 0 },
    })
  end)

  row("BPF_STACK_TRACE", function()
    expect.equal(made [[BPF_STACK_TRACE(a, 1000); BPF_STACK_TRACE(b, 64);]],
                 { a = { "stack_trace", 4, 1016, 1024, 0 },
                   b = { "stack_trace", 4, 1016, 64, 0 } })
  end)

  row("BPF_STACK_TRACE_BUILDID", function()
    expect.equal(made [[BPF_STACK_TRACE_BUILDID(a, 100);]],
                 { a = { "stack_trace", 4, 127 * 32, 128, 32 } })
  end)

  row("BPF_PERF_OUTPUT", function()
    local cpus = tonumber(support.sh("cat /sys/devices/system/cpu/possible").
      out:match("(%d+)\n"))
    local obj = load [[BPF_PERF_OUTPUT(a); int program(void *ctx) { return 0; }]]
    obj:ensure_loaded()
    local map = obj.maps.a
    expect.truthy(map:fd() >= 0, "descriptor")
    expect.equal({ map:info().type, map:info().max_entries },
      { "perf_event_array", cpus + 1 })
    obj:close()
  end)

  row("BPF_RINGBUF_OUTPUT", function()
    local page = tonumber(support.sh("getconf PAGE_SIZE").out)
    expect.equal(made [[BPF_RINGBUF_OUTPUT(a, 8); BPF_RINGBUF_OUTPUT(b, 1 << 4);]],
                 { a = { "ringbuf", 0, 0, 8 * page, 0 },
                   b = { "ringbuf", 0, 0, 16 * page, 0 } })
  end)

  row("BPF_PERF_ARRAY", function()
    expect.equal(made [[BPF_PERF_ARRAY(a, 8);]],
      { a = { "perf_event_array", 4, 4, 8, 0 } })
  end)
  row("BPF_CGROUP_ARRAY", function()
    expect.equal(made [[BPF_CGROUP_ARRAY(a, 8);]], { a = { "cgroup_array", 4, 4, 8, 0 } })
  end)
  row("BPF_PROG_ARRAY", function()
    expect.equal(made [[BPF_PROG_ARRAY(a, 8);]], { a = { "prog_array", 4, 4, 8, 0 } })
  end)
  row("BPF_QUEUE", function()
    expect.equal(made [[BPF_QUEUE(a, u64, 8); BPF_QUEUE(b, struct { u32 x; }, 9, 0);]],
                 { a = { "queue", 0, 8, 8, 0 }, b = { "queue", 0, 4, 9, 0 } })
  end)
  row("BPF_STACK", function()
    expect.equal(made [[BPF_STACK(a, u64, 8); BPF_STACK(b, u32, 9, 0);]],
                 { a = { "stack", 0, 8, 8, 0 }, b = { "stack", 0, 4, 9, 0 } })
  end)

  row("BPF_QUEUESTACK and its kin", function()
    local text = [[
      BPF_QUEUESTACK("queue", a, u64, 8, 0);
      BPF_QUEUESTACK_PINNED("stack", b, u64, 9, 0, "/sys/fs/bpf/ebl_stack");
      BPF_QUEUESTACK_PUBLIC("queue", c, u64, 10, 0);
      BPF_QUEUESTACK_SHARED("stack", d, u64, 11, 0);]]
    expect.equal(made(text), { a = { "queue", 0, 8, 8, 0 }, b = { "stack", 0, 8, 9, 0 },
                               c = { "queue", 0, 8, 10, 0 },
                                 d = { "stack", 0, 8, 11, 0 } })
    expect.equal(support.sh(
      "ls /sys/fs/bpf/ebl_stack && rm /sys/fs/bpf/ebl_stack").code, 0)
  end)

  row("BPF_ARRAY_OF_MAPS", function()
    expect.equal(made [[BPF_HASH(inner, u32, u64, 8); BPF_ARRAY_OF_MAPS(a, "inner", 4);]],
                 { inner = { "hash", 4, 8, 8, 0 }, a = { "array_of_maps", 4, 4, 4, 0 } })
  end)

  row("BPF_HASH_OF_MAPS", function()
    expect.equal(made [[
      struct key { u64 a; };
      BPF_ARRAY(inner, u64, 8);
      BPF_HASH_OF_MAPS(a, "inner"); BPF_HASH_OF_MAPS(b, struct key, "inner");
      BPF_HASH_OF_MAPS(c, struct key, "inner", 4);
      BPF_TABLE("hash_of_maps$inner", u32, int, d, 5);]], {
      inner = { "array", 4, 8, 8, 0 }, a = { "hash_of_maps", 4, 4, 10240, 0 },
      b = { "hash_of_maps", 8, 4, 10240, 0 }, c = { "hash_of_maps", 8, 4, 4, 0 },
      d = { "hash_of_maps", 4, 4, 5, 0 },
    })
    expect.error("no map 'missing' above", load, [[BPF_HASH_OF_MAPS(a, "missing");]])
  end)

  row("BPF_DEVMAP", function()
    expect.equal(made [[BPF_DEVMAP(a, 8);]], { a = { "devmap", 4, 4, 8, 0 } })
  end)
  row("BPF_CPUMAP", function()
    expect.equal(made [[BPF_CPUMAP(a, 1);]], { a = { "cpumap", 4, 4, 1, 0 } })
  end)
  row("BPF_XSKMAP", function()
    expect.equal(made [[BPF_XSKMAP(a, 8); BPF_XSKMAP(b, 9, "/sys/fs/bpf/ebl_xsk");]],
                 { a = { "xskmap", 4, 4, 8, 0 }, b = { "xskmap", 4, 4, 9, 0 } })
    expect.equal(support.sh("rm /sys/fs/bpf/ebl_xsk").code, 0)
  end)
  row("BPF_SOCKMAP", function()
    expect.equal(made [[BPF_SOCKMAP(a, 8);]], { a = { "sockmap", 4, 4, 8, 0 } })
  end)
  row("BPF_SOCKHASH", function()
    expect.equal(made [[
      struct key { u32 a[4]; };
      BPF_SOCKHASH(a); BPF_SOCKHASH(b, struct key); BPF_SOCKHASH(c, struct key, 8);]], {
      a = { "sockhash", 4, 4, 10240, 0 }, b = { "sockhash", 16, 4, 10240, 0 },
      c = { "sockhash", 16, 4, 8, 0 },
    })
  end)

  for macro, kind in pairs { SK = "sk", INODE = "inode", TASK = "task" } do
    row(("BPF_%s_STORAGE"):format(macro), function()
      expect.equal(made(("struct v { u64 a, b; };\nBPF_%s_STORAGE(a, struct v);")
        :format(macro)),
                   { a = { kind .. "_storage", 4, 16, 0, 1 } })
    end)
  end
  for macro, kind in pairs { CGROUP = "cgroup", PERCPU_CGROUP = "percpu_cgroup" } do
    row(("BPF_%s_STORAGE"):format(macro), function()
      expect.equal(made(("BPF_%s_STORAGE(a, u64);"):format(macro)),
                   { a = { kind .. "_storage", 16, 8, 0, 0 } })
    end)
  end

  row("a type that does not exist is refused", function()
    expect.error("there is no type of map 'hsah'", load,
      'BPF_TABLE("hsah", u32, u64, a, 8);')
  end)

  row.complete()
end)
