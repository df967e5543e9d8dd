--- Every kind of map, from C and made from Lua: what a program does with it is seen from
--- Lua and the other way round; each mistake has an error of its own.
local bpf = require "bpf"
local cgroup = require "cgroup"
local ffi = require "ffi"
local harness = require "harness"
local kernel = require "kernel"
local net = require "net"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

ffi.cdef "int getpgid(int pid);"

--- An object whose program runs once for each fire(), in this process.
local function firing(maps, body, section)
  local obj = bpf.load { source = maps .. [[
    const volatile u32 target;
    SEC("]] .. (section or "tracepoint/syscalls/sys_enter_getpgid") .. [[")
    int probe(void *ctx)
    {
      if (bpf_get_current_pid_tgid() >> 32 != target)
        return 0;
  ]] .. body .. [[
      return 0;
    }
  ]], constants = { target = support.pid } }
  kernel.try(obj.attach, obj)
  return obj, function(times)
    for _ = 1, times or 1 do ffi.C.getpgid(0) end
  end
end

--- Every element operation of a map of u32 -> u64 that has keys.
local function elements(map, size)
  expect.equal(map:lookup(1), nil)
  expect.equal(map:update(1, 10, "noexist"), true)
  local ok, err = map:update(1, 11, "noexist")
  expect.equal(ok, nil)
  expect.truthy(tostring(err):find("the key exists already", 1, true), tostring(err))
  expect.equal(map:update(1, 12, "exist"), true)
  ok, err = map:update(2, 0, "exist")
  expect.equal(ok, nil)
  expect.truthy(tostring(err):find("no such key", 1, true), tostring(err))
  expect.equal(map[1], 12)
  map[2] = "18446744073709551615"
  expect.equal(tostring(map[2]), "18446744073709551615ULL")
  expect.equal(map:count(), 2)
  expect.equal({ map:delete(2), map:delete(2) }, { true, false })
  local taken_ok, taken = pcall(map.lookup_and_delete, map, 1)
  if taken_ok then expect.equal(taken, 12) end
  map:clear()
  expect.equal(map:count(), 0)
  local keys, values = {}, {}
  for i = 1, size do keys[i], values[i] = i, i * 10 end
  expect.equal(map:update_all(keys, values), size)
  expect.equal({ map:count(), map[size] }, { size, size * 10 })
  expect.equal(map:delete_all { 1, 2, size + 5, 3 }, 3)
  expect.equal(map:count(), size - 3)
  local seen = 0
  for key, value in map:pairs() do
    expect.equal(value, key * 10)
    map:delete(key)
    seen = seen + 1
  end
  expect.equal({ seen, map:count() }, { size - 3, 0 })
end

describe("hash", function()
  it("every operation, from Lua and from C", function()
    local obj, fire = firing("HASH(counts, u32, u64, 8);", [[
      u32 key = 7; u64 one = 1, *count = bpf_map_lookup_elem(&counts, &key);
      if (count) (*count)++; else bpf_map_update_elem(&counts, &key, &one, BPF_ANY);
    ]])
    local counts = obj.maps.counts
    elements(counts, 8)
    fire(3)
    expect.equal(counts[7], 3)
    obj:close()
  end)

  it("full, frozen, and values that do not fit: an error each", function()
    local map = bpf.create_map { type = "hash", key = "u32", value = "u8", entries = 2 }
    map[1], map[2] = 1, 2
    local ok, err = map:update(3, 3)
    expect.equal({ ok, tostring(err) },
      { nil, "map 'map': update failed: the map is full: it holds 2 entries (errno 7)" })
    expect.error("256 is out of range for u8", map.update, map, 1, 256)
    expect.error("key of map 'map'", map.lookup, map, {})
    expect.error("it has no push", map.push, map, 1)
    map:freeze()
    ok, err = map:update(1, 3)
    expect.equal({ ok, err.code, tostring(err) },
      { nil, "io", "map 'map': update failed: the map is frozen (errno 1)" })
    expect.equal({ map[1], map:info().frozen }, { 1, true })
    expect.error("it is frozen already", map.freeze, map)
  end)

  it("shows no entry twice while entries are deleted", function()
    local map = bpf.create_map { type = "hash", key = "u32", value = "u32",
                                 entries = 5000 }
    local keys = {}
    for i = 1, 5000 do keys[i] = i end
    expect.equal(map:update_all(keys, keys), 5000)
    local seen, count = {}, 0
    for key in map:pairs() do
      expect.equal(seen[key], nil)
      seen[key], count = true, count + 1
      map:delete(key % 5000 + 1)
    end
    expect.truthy(count >= 2500 and count <= 5000, "entries seen: " .. count)
  end)
end)

describe("array", function()
  it("indexes, and says where it ends", function()
    local map = bpf.create_map { type = "array", key = "u32", value = "u64", entries = 4 }
    map[3] = 33
    expect.equal({ map[0], map[3], map:lookup(4) }, { 0, 33, nil })
    local ok, err = map:update(4, 1)
    expect.equal({ ok, tostring(err) },
      { nil, "map 'map': update failed: the index is past its 4 entries (errno 7)" })
    expect.equal(map:update_all({ 0, 1 }, { 5, 6 }), 2)
    expect.equal({ map[0], map[1], map:count() }, { 5, 6, 4 })
    map:clear()
    expect.equal(map[3], 0)
  end)
end)

for _, kind in ipairs { "lru_hash", "percpu_hash", "lru_percpu_hash", "percpu_array" } do
  describe(kind, function()
    it("holds what a program counts", function()
      local obj, fire = firing(([[
        struct {
          __uint(type, BPF_MAP_TYPE_%s);
          __uint(max_entries, 64);
          __type(key, u32);
          __type(value, u64);
        } counts SEC(".maps");
      ]]):format(kind:upper()), [[
        u32 key = 7; u64 one = 1, *count = bpf_map_lookup_elem(&counts, &key);
        if (count) (*count)++; else bpf_map_update_elem(&counts, &key, &one, BPF_ANY);
      ]])
      fire(5)
      local value = obj.maps.counts[7]
      local total = kind:find "percpu" and value:sum() or value
      expect.equal(total, 5)
      if kind:find "percpu" then
        obj.maps.counts[9] = 3
        expect.equal(obj.maps.counts[9]:sum(), 3 * #value)
        expect.equal(obj.maps.counts:update_all({ 10 }, { 2 }), 1)
        expect.equal(obj.maps.counts[10]:max(), 2)
      end
      obj:close()
    end)
  end)
end

describe("lpm_trie", function()
  it("finds the longest prefix; keys are written as text", function()
    local map = bpf.create_map {
      type = "lpm_trie", entries = 16, flags = 1, key = "struct route", value = "u32",
      types = "struct route { u32 bits; u8 address[4]; };",
    }
    expect.equal(map:update("10.0.0.0/8", 8), true)
    expect.equal(map:update("10.1.0.0/16", 16), true)
    expect.equal({ map:lookup "10.1.2.3", map:lookup "10.2.3.4", map:lookup "11.0.0.1" },
                 { 16, 8, nil })
    expect.equal(map:lookup { bits = 32, address = { 10, 1, 9, 9 } }, 16)
    expect.equal(map:delete "10.1.0.0/16", true)
    expect.equal({ map:lookup "10.1.2.3", map:count() }, { 8, 1 })
    for _, wrong in ipairs { "10.0.0.0/33", "fc00::/7", "ten" } do
      expect.error("is not a prefix of its 4 bytes of address", map.lookup, map, wrong)
    end
  end)

  it("of IPv6", function()
    local map = bpf.create_map {
      type = "lpm_trie", entries = 16, flags = 1, key = "struct route", value = "u32",
      types = "struct route { u32 bits; u8 address[16]; };",
    }
    expect.equal(map:update("fc00::/7", 1), true)
    expect.equal({ map:lookup "fd12::1", map:lookup "2001::1" }, { 1, nil })
  end)
end)

for kind, order in pairs { queue = { 1, 2, 3 }, stack = { 3, 2, 1 } } do
  describe(kind, function()
    it("gives values back in its order, to Lua and to C", function()
      local obj, fire = firing(([[
        struct {
          __uint(type, BPF_MAP_TYPE_%s);
          __uint(max_entries, 3);
          __type(value, u32);
        } values SEC(".maps");
        u32 popped;
      ]]):format(kind:upper()), "bpf_map_pop_elem(&values, &popped);")
      local values = obj.maps.values
      for i = 1, 3 do expect.equal(values:push(i), true) end
      local ok, err = values:push(4)
      expect.equal(ok, nil)
      local full = tostring(err):find("the map is full: it holds 3 entries", 1, true)
      expect.truthy(full, tostring(err))
      expect.equal(values:peek(), order[1])
      fire()
      expect.equal(obj.variables.popped, order[1])
      expect.equal({ values:pop(), values:pop() }, { order[2], order[3] })
      expect.equal(values:pop(), nil)
      expect.error("it has no keys", values.lookup, values, 1)
      obj:close()
    end)
  end)
end

describe("bloom_filter", function()
  it("has what was put in", function()
    local map = kernel.try(bpf.create_map, { type = "bloom_filter", value = "u32",
                                             entries = 100 })
    for i = 1, 20 do expect.equal(map:push(i), true) end
    local wrong = 0
    for i = 1, 20 do expect.equal(map:contains(i), true) end
    for i = 1001, 1100 do wrong = wrong + (map:contains(i) and 1 or 0) end
    expect.truthy(wrong < 30, wrong .. " of 100 said to be in")
    local other = bpf.create_map { type = "queue", value = "u32", entries = 1 }
    expect.error("it has no contains()", other.contains, other, 1)
  end)
end)

describe("stack_trace", function()
  it("holds the frames of a stack", function()
    local obj, fire = firing("STACKS(stacks, 64); long id;",
                             "id = bpf_get_stackid(ctx, &stacks, 0);",
                             -- Older kernels show a tracepoint of a system call user
                             -- space's registers: no kernel stack.
                             "tp_btf/sys_enter")
    fire()
    local id = tonumber(obj.variables.id)
    expect.truthy(id >= 0, "id " .. id)
    local frames = obj.maps.stacks:stack(id)
    expect.truthy(#frames > 1, #frames .. " frames")
    local names = {}
    for i, frame in ipairs(frames) do
      names[i] = frame.name
      expect.equal(frame.file, nil)
      expect.equal(frame.module ~= "", bpf.ksym(frame.address):find(" [", 1, true) ~= nil)
    end
    expect.equal(tostring(frames[1]), bpf.ksym(frames[1].address))
    expect.equal(tostring(frames[2]), bpf.ksym(frames[2].address))
    local seen = 0
    for key, addresses in obj.maps.stacks:pairs() do
      seen = seen + 1
      expect.equal(key, id)
      for i, frame in ipairs(frames) do expect.equal(addresses[i], frame.address) end
      expect.equal(addresses[#frames + 1], 0)
    end
    expect.equal(seen, 1)
    local text = table.concat(names, " ")
    expect.truthy(text:find("syscall", 1, true), text)
    expect.equal(obj.maps.stacks:stack(id == 5 and 6 or 5), nil)
    obj:close()
  end)
end)

describe("prog_array", function()
  it("tail calls go where Lua points them", function()
    local obj, fire = firing([[
      PROGS(steps, 4);
      u64 reached, missed;
    ]], "bpf_tail_call(ctx, &steps, 2); missed++; ")
    local steps = bpf.load {
      maps = { steps = obj.maps.steps },
      source = [[
        PROGS(steps, 4);
        u64 reached;
        SEC("tracepoint") int step(void *ctx)
        {
          reached++;
          bpf_tail_call(ctx, &steps, 3);
          return 0;
        }
      ]] }
    fire()
    expect.equal(obj.variables.missed, 1)
    obj.maps.steps[2] = steps.programs.step
    expect.equal(obj.maps.steps[2], steps.programs.step:id())
    fire(2)
    expect.equal({ obj.variables.missed, steps.variables.reached }, { 1, 2 })
    obj.maps.steps[2] = nil
    fire()
    expect.equal(obj.variables.missed, 2)
    expect.error("expected a program, got a string", obj.maps.steps.update,
                 obj.maps.steps, 1, "step")
    steps:close()
    obj:close()
  end)
end)

for _, kind in ipairs { "array_of_maps", "hash_of_maps" } do
  describe(kind, function()
    it("programs find the inner maps that Lua puts there", function()
      local obj, fire = firing(([[
        struct inner {
          __uint(type, BPF_MAP_TYPE_ARRAY);
          __uint(max_entries, 2);
          __type(key, u32);
          __type(value, u64);
        };
        struct {
          __uint(type, BPF_MAP_TYPE_%s);
          __uint(max_entries, 4);
          __type(key, u32);
          __array(values, struct inner);
        } outer SEC(".maps");
        u64 found;
      ]]):format(kind:upper()), [[
        u32 key = 1; void *map = bpf_map_lookup_elem(&outer, &key);
        if (map) {
          u64 *value = bpf_map_lookup_elem(map, &key);
          if (value) found += *value;
        }
      ]])
      local outer = obj.maps.outer
      local inner = bpf.create_map { type = "array", key = "u32", value = "u64",
                                     entries = 2, name = "inner" }
      fire()
      expect.equal(obj.variables.found, 0)
      inner[1] = 42
      outer[1] = inner
      fire()
      expect.equal(obj.variables.found, 42)
      expect.equal(outer[1], inner:info().id)
      local again = bpf.open_map { id = outer[1] }
      expect.equal({ again.name, again[1] }, { "inner", 42 })
      outer[1] = nil
      fire()
      expect.equal(obj.variables.found, 42)
      obj:close()
    end)

    it("is made from Lua", function()
      local outer = bpf.create_map {
        type = kind, entries = 2, key = "u32",
        inner = { type = "hash", key = "u32", value = "u64", entries = 8 },
      }
      outer[0] = bpf.create_map { type = "hash", key = "u32", value = "u64", entries = 8 }
      expect.truthy(outer[0] > 0, "id")
      expect.error("expected a map, got a string", outer.update, outer, 0, "inner")
    end)
  end)
end

describe("cgroup_array", function()
  it("takes the path of a group; a program asks whether its process is in it", function()
    local obj, fire = firing([[
      struct {
        __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
        __uint(max_entries, 1);
        __type(key, u32);
        __type(value, u32);
      } groups SEC(".maps");
      u64 inside, outside;
    ]], "if (bpf_current_task_under_cgroup(&groups, 0) == 1) inside++; else outside++;")
    cgroup.inside(function(path)
      obj.maps.groups:update(0, path)
      fire(2)
    end)
    fire()
    expect.equal({ obj.variables.inside, obj.variables.outside }, { 2, 1 })
    expect.error("cannot open /none", obj.maps.groups.update, obj.maps.groups, 0, "/none")
    obj:close()
  end)
end)

describe("user_ringbuf", function()
  it("a program reads what Lua writes", function()
    local obj, fire = firing([[
      struct command { u32 number; char text[12]; };
      USER_RINGBUF(commands, struct command, 4096);
      u64 sum, count;
      static long take(struct bpf_dynptr *data, void *context)
      {
        struct command *c = bpf_dynptr_data(data, 0, sizeof(*c));
        if (c) { sum += c->number; count++; }
        return 0;
      }
    ]], "bpf_user_ringbuf_drain(&commands, take, (void *)0, 0);")
    local commands = obj.maps.commands
    expect.equal(commands:write { number = 3, text = "three" }, true)
    expect.equal(commands:write { number = 4 }, true)
    fire()
    expect.equal({ obj.variables.sum, obj.variables.count }, { 7, 2 })
    local written = 0
    while commands:write { number = 1 } do written = written + 1 end
    local ok, err = commands:write { number = 1 }
    expect.equal(ok, nil)
    expect.truthy(tostring(err):find("there is no room", 1, true), tostring(err))
    fire()
    expect.equal(obj.variables.count, 2 + written)
    expect.equal(commands:write { number = 1 }, true)
    obj:close()
  end)
end)

describe("storage", function()
  it("task: a value that goes with a process, by its id", function()
    local obj, fire = firing([[
      struct {
        __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, u64);
      } calls SEC(".maps");
    ]], "")
    local tp = bpf.load { maps = { calls = obj.maps.calls }, source = [[
      struct {
        __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, u64);
      } calls SEC(".maps");
      SEC("tp_btf/sys_enter") int BPF_PROG(count, struct pt_regs *regs, long id)
      {
        u64 *value;

        if (id != 121)
          return 0;
        value = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0,
                                     BPF_LOCAL_STORAGE_GET_F_CREATE);
        if (value)
          (*value)++;
        return 0;
      }
    ]] }
    kernel.try(tp.attach, tp)
    fire(3)
    expect.equal(obj.maps.calls[support.pid], 3)
    expect.equal(obj.maps.calls[1], nil)
    expect.equal(obj.maps.calls:delete(support.pid), true)
    expect.error("cannot open process 4000000", obj.maps.calls.lookup, obj.maps.calls,
                 4000000)
    tp:close()
    obj:close()
  end)

  it("sk: a value that goes with a socket, by its descriptor", function()
    local map = bpf.create_map { type = "sk_storage", key = "int", value = "u64",
                                 flags = 1 }
    local socket = net.socket(net.UDP)
    expect.equal({ map[socket.fd], map:update(socket.fd, 5), map[socket.fd] },
                 { nil, true, 5 })
    expect.equal({ map:delete(socket.fd), map[socket.fd] }, { true, nil })
    socket:close()
  end)

  it("cgrp: a value that goes with a control group, by its path", function()
    local map = kernel.try(bpf.create_map, { type = "cgrp_storage", key = "int",
                                             value = "u64", flags = 1 })
    cgroup.inside(function(path)
      expect.equal({ map:update(path, 9), map:lookup(path) }, { true, 9 })
    end)
  end)

  it("inode: a value that goes with a file, by its path", function()
    local map = kernel.try(bpf.create_map, { type = "inode_storage", key = "int",
                                             value = "u64", flags = 1 })
    local path = os.tmpname()
    expect.equal({ map:update(path, 9), map:lookup(path) }, { true, 9 })
    expect.equal(map:lookup "/etc/passwd", nil)
    os.remove(path)
  end)
end)

describe("pins", function()
  local PATH = "/sys/fs/bpf/ebl-maps-" .. support.pid
  it("keep a map, with its types, for another object to use", function()
    local obj = bpf.load { source = [[
      struct point { s32 x, y; char name[8]; };
      HASH(points, u32, struct point, 4);
    ]] }
    obj.maps.points[1] = { x = 1, y = -2, name = "one" }
    obj.maps.points:pin(PATH)
    local id = obj.maps.points:info().id
    obj:close()
    local map = bpf.open_map { path = PATH }
    os.remove(PATH)
    expect.equal({ map.name, map.type, map:info().id }, { "points", "hash", id })
    expect.equal(map[1]:table(), { x = 1, y = -2, name = "one" })
    expect.equal(bpf.open_map({ id = id })[1].y, -2)
    expect.equal(bpf.open_map({ name = "points" })[1].x, 1)
    local reuse = bpf.load { maps = { points = map }, source = [[
      struct point { s32 x, y; char name[8]; };
      HASH(points, u32, struct point, 4);
    ]] }
    expect.equal(reuse.maps.points[1].name, "one")
    reuse:close()
    expect.error("bytes of a value: 16 there, 8 here", bpf.load,
                 { maps = { points = map }, source = "HASH(points, u32, u64, 4);" })
    expect.error("cannot open " .. PATH, bpf.open_map, { path = PATH })
    expect.error("one of path, id and name", bpf.open_map, { path = PATH, id = 1 })
    expect.error("cannot open map 4000000000", bpf.open_map, { id = 4000000000 })
    expect.error("cannot open a map called none", bpf.open_map, { name = "none" })
  end)

  it("by a map's own name are used again, if they are the same kind of map", function()
    local name = "ebl_pin_" .. support.pid
    local function load(entries, value)
      return bpf.load { source = ([[
        struct {
          __uint(type, BPF_MAP_TYPE_HASH);
          __uint(max_entries, %d);
          __type(key, u32);
          __type(value, %s);
          __uint(pinning, LIBBPF_PIN_BY_NAME);
        } %s SEC(".maps");
        SEC("socket") int look(void *ctx)
        {
          u32 key = 1;
          return bpf_map_lookup_elem(&%s, &key) != 0;
        }
      ]]):format(entries, value, name, name) }
    end
    local obj = load(16, "u64")
    obj.maps[name][1] = 7
    obj:close()
    local again = load(16, "u64")
    local kept = again.maps[name][1]
    again:close()
    local larger, other = load(32, "u64"), load(16, "u32")
    local _, entries = pcall(function() return larger.maps[name][1] end)
    local _, value = pcall(other.programs.look.load, other.programs.look)
    os.remove("/sys/fs/bpf/" .. name)
    larger:close()
    other:close()
    expect.equal(kept, 7)
    local pinned = ("map '%s' cannot use the map that is pinned at /sys/fs/bpf/%s: ")
                   :format(name, name)
    expect.truthy(tostring(entries):find(pinned .. "entries: 16 there, 32 here", 1, true),
                  tostring(entries))
    expect.truthy(tostring(value):find(pinned .. "bytes of a value: 8 there, 4 here", 1,
                                       true), tostring(value))
  end)
end)

describe("create_map", function()
  it("names what is wrong", function()
    expect.error("takes the kind of map as type", bpf.create_map, { entries = 1 })
    expect.error("is no name for a map", bpf.create_map, { type = "hash", name = "a b" })
    expect.error("has no option 'size'", bpf.create_map, { type = "hash", size = 1 })
    expect.error("no kind of map 'hasch'", bpf.create_map,
                 { type = "hasch", key = "u32", value = "u32", entries = 1 })
  end)

  it("dump and info tell what a map is and holds", function()
    local map = bpf.create_map { type = "array", key = "u32", value = "u16", entries = 2,
                                 name = "pair" }
    map[1] = 7
    expect.equal(map:dump(), { { key = 0, value = 0 }, { key = 1, value = 7 } })
    local info = map:info()
    expect.equal({ info.name, info.type, info.max_entries }, { "pair", "array", 2 })
    expect.equal({ info.key_size, info.value_size }, { 4, 2 })
    expect.truthy(info.id > 0 and info.memory > 0 and not info.frozen, "info")
  end)
end)
