--- Kinds of maps with a face of their own (arena, storage of groups), and every sort of
--- type as key and value.
local bpf = require "bpf"
local cgroup = require "cgroup"
local harness = require "harness"
local kernel = require "kernel"
local net = require "net"
local describe, it, expect = harness.describe, harness.it, harness.expect

describe("arena", function()
  local function load_arena()
    return bpf.load { source = [[
      struct node { u64 value; struct node __arena *next; };
      ARENA(heap, 4);
      struct node __arena *head;
      u64 sum;
      SEC("syscall") int add(u64 *ctx)
      {
        struct node __arena *node = bpf_arena_alloc_pages(&heap, (void __arena *)0, 1, -1,
                                                          0);

        if (!node)
          return 1;
        node->value = *ctx;
        node->next = head;
        head = node;
        return 0;
      }
      SEC("syscall") int total(void *ctx)
      {
        struct node __arena *node = head;

        sum = 0;
        asm volatile("" : : "r"(&heap)); /* a program has the arena that it names */
        for (int i = 0; i < 4 && node; i++, node = node->next)
          sum += node->value;
        return 0;
      }
    ]] }
  end

  it("is one memory for programs and Lua, pointers and all", function()
    local obj = load_arena()
    kernel.try(obj.programs.add.load, obj.programs.add)
    local heap, v = obj.maps.heap, obj.variables
    local big = 2ULL ^ 53 + 1
    for _, value in ipairs { big, 2, 3 } do
      expect.equal(obj.programs.add:test_run({ ctx = { value } }).retval, 0)
    end
    local values, pointer = {}, v.head
    while pointer ~= 0 do
      local node = heap:view("struct node", pointer)
      values[#values + 1] = node.value
      pointer = node.next
    end
    expect.equal(values, { 3, 2, big })
    heap:view("struct node", v.head).value = 30
    obj.programs.total:test_run {}
    expect.equal(v.sum, big + 32)
    expect.equal({ heap.type, heap:info().max_entries }, { "arena", 4 })
    expect.error("ends before that place", heap.view, heap, "struct node", 4 * 4096)
    expect.error("ends before that place", heap.view, heap, "struct node", -8)
    expect.error("no type 'struct nod'", heap.view, heap, "struct nod")
    expect.error("it has no keys", heap.lookup, heap, 1)
    obj:close()
  end)

  it("is full when its pages are", function()
    local obj = load_arena()
    kernel.try(obj.programs.add.load, obj.programs.add)
    local results = {}
    for i = 1, 5 do results[i] = obj.programs.add:test_run({ ctx = { i } }).retval end
    expect.equal(results, { 0, 0, 0, 0, 1 })
    obj:close()
  end)

  it("is made from Lua", function()
    local map = kernel.try(bpf.create_map, { type = "arena", entries = 2,
                                             types = "struct pair { u32 a, b; };" })
    local pair = map:view("struct pair", 4096)
    pair.b = 7
    expect.equal(map:view("struct pair", 4096):table(), { a = 0, b = 7 })
  end)

  it("needs pages", function()
    local obj = bpf.load { source = "ARENA(none, 0);" }
    expect.error("has no max_entries", obj.maps.none.fd, obj.maps.none)
  end)
end)

for _, kind in ipairs { "CGROUP_STORAGE", "PERCPU_CGROUP_STORAGE" } do
  describe(kind:lower(), function()
    it("a value for each group that a program is attached to", function()
      net.in_namespace(nil, function()
        cgroup.inside(function(path)
          local obj = bpf.load { source = ([[
            struct traffic { u64 packets, bytes; };
            struct {
              __uint(type, BPF_MAP_TYPE_%s);
              __type(key, u64);
              __type(value, struct traffic);
            } traffic SEC(".maps");
            SEC("cgroup_skb/egress") int count(struct __sk_buff *skb)
            {
              struct traffic *t = bpf_get_local_storage(&traffic, 0);

              t->packets++;
              t->bytes += skb->len;
              return 1;
            }
          ]]):format(kind) }
          kernel.attach(obj.programs.count, "cgroup:" .. path .. ":egress")
          local socket = net.socket(net.UDP)
          for _ = 1, 3 do socket:send("hello", "127.0.0.1", 7001) end
          socket:close()
          local entries = obj.maps.traffic:dump()
          expect.equal(#entries, 1)
          local values = entries[1].value
          if kind == "CGROUP_STORAGE" then values = { values } end
          local packets, bytes = 0, 0
          for _, value in ipairs(values) do
            packets, bytes = packets + value.packets, bytes + value.bytes
          end
          -- An ICMP message comes back for each, in the name of the same socket.
          expect.truthy(packets >= 3, packets .. " packets")
          expect.truthy(bytes >= 3 * 33, bytes .. " bytes")
          local again = obj.maps.traffic:lookup(entries[1].key)
          expect.truthy(again, "by its key")
          obj:close()
        end)
      end)
    end)
  end)
end

describe("a struct of the kernel", function()
  it("is a key where the text names it for nothing else", function()
    local obj = bpf.load { source = [[
      struct {
        __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
        __type(key, struct bpf_cgroup_storage_key);
        __type(value, struct ethhdr);
      } kept SEC(".maps");
    ]] }
    local info = obj.maps.kept:info()
    expect.equal({ info.key_size, info.value_size }, { 16, 14 })
    obj:close()
  end)

  it("is pointed to by a global function that does not read it", function()
    local obj = bpf.load { source = [[
      __weak int allowed(struct __sk_buff *skb) { return 7; }
      SEC("socket") int whole(struct __sk_buff *skb) { return allowed(skb); }
    ]] }
    expect.equal(obj.programs.whole:test_run({ data = ("x"):rep(64) }).retval, 7)
    obj:close()
  end)
end)

describe("types of keys and values", function()
  local obj = bpf.load { source = [[
    enum color { RED = 1, GREEN = 7, FAR = 0x100000000 };
    struct __attribute__((packed)) tight { u8 a; u64 b; u16 c; };
    struct bits { u32 low : 3, middle : 20, high : 9; s16 sign : 5; u64 wide : 40; };
    union either { u32 number; u8 bytes[4]; };
    struct deep { struct { union either one; struct tight list[2]; } inner; void *at; };
    HASH(wide, unsigned __int128, __int128, 4);
    HASH(packed, struct tight, struct tight, 4);
    HASH(fields, struct bits, struct bits, 4);
    HASH(colors, enum color, enum color, 4);
    HASH(nested, u32, struct deep, 4);
    HASH(texts, char[16], u32, 4);
    HASH(small, u8, s8, 4);
    HASH(flags, bool, s16, 4);
    SEC("syscall") int look(u64 *ctx)
    {
      struct tight key = { 1, 2, 3 }, *value = bpf_map_lookup_elem(&packed, &key);

      return value ? value->c : 0;
    }
  ]] }
  local maps = obj.maps

  it("__int128", function()
    local key = { hi = 1, lo = "18446744073709551615" }
    expect.equal(maps.wide:update(key, { hi = -1, lo = 5 }), true)
    local value = maps.wide:lookup(key)
    expect.equal({ tonumber(value.hi), tonumber(value.lo) }, { -1, 5 })
    expect.equal(maps.wide:lookup { hi = 0, lo = "18446744073709551615" }, nil)
  end)

  it("packed structs, seen by a program as by Lua", function()
    maps.packed[{ a = 1, b = 2, c = 3 }] = { a = 255, b = 2 ^ 53, c = 77 }
    expect.equal(maps.packed[{ a = 1, b = 2, c = 3 }]:table(),
                 { a = 255, b = 2 ^ 53, c = 77 })
    expect.equal(maps.packed:info().key_size, 11)
    local run = kernel.try(obj.programs.look.test_run, obj.programs.look,
                           { ctx = { 0 } })
    expect.equal(run.retval, 77)
  end)

  it("bit-fields", function()
    local key = { low = 7, middle = 1000000, high = 511, sign = -16, wide = 2 ^ 39 }
    maps.fields[key] = key
    for k, v in maps.fields:pairs() do
      expect.equal(k:table(), key)
      expect.equal(v:table(), key)
    end
    expect.error("out of range", function() maps.fields[{ low = 8 }] = key end)
    expect.error("out of range", function() maps.fields[{ sign = 16 }] = key end)
  end)

  it("enums by name, 64 bits of them too", function()
    expect.equal(maps.colors:update("GREEN", "FAR"), true)
    expect.equal({ maps.colors:lookup "GREEN", maps.colors[7] },
                 { 0x100000000, 0x100000000 })
    expect.error("'BLUE'", maps.colors.lookup, maps.colors, "BLUE")
  end)

  it("structs in structs, unions, arrays, pointers", function()
    maps.nested[1] = { inner = { one = { number = 0x04030201 },
                                 list = { { b = 9 }, { c = 8 } } }, at = 0xffff }
    local value = maps.nested[1]
    expect.equal({ value.inner.one.bytes[1], value.inner.one.bytes[4] }, { 1, 4 })
    expect.equal({ value.inner.list[1].b, value.inner.list[2].c, value.at },
                 { 9, 8, 0xffff })
  end)

  it("text, small integers, bool", function()
    expect.equal(maps.texts:update("bash", 1), true)
    expect.equal({ maps.texts:lookup "bash", maps.texts:lookup "bas" }, { 1, nil })
    for key in maps.texts:pairs() do expect.equal(key, "bash") end
    maps.small[255] = -128
    expect.equal(maps.small[255], -128)
    expect.error("256 is out of range for u8", maps.small.lookup, maps.small, 256)
    expect.error("128 is out of range for s8", maps.small.update, maps.small, 1, 128)
    maps.flags[true] = -1
    expect.equal({ maps.flags[true], maps.flags[false] }, { -1, nil })
  end)

  it("a key or value of the wrong type names both", function()
    for _, wrong in ipairs { {}, "x" } do
      expect.error("key of map 'small'", maps.small.lookup, maps.small, wrong)
    end
    expect.error("key of map 'packed'", maps.packed.lookup, maps.packed, 5)
    expect.error("no field 'd'", maps.packed.lookup, maps.packed, { d = 1 })
    expect.error("value of map 'small'", maps.small.update, maps.small, 1, {})
    expect.error("value of map 'nested'", maps.nested.update, maps.nested, 1, 7)
    expect.error("17 bytes does not fit", maps.texts.lookup, maps.texts, ("x"):rep(17))
  end)
end)

describe("batches", function()
  it("go one by one where the kernel has none for the kind", function()
    local map = bpf.create_map { type = "devmap_hash", key = "u32", value = "u32",
                                 entries = 4 }
    local LOOPBACK = 1 -- the number of lo, in every namespace
    expect.equal(map:update_all({ 5, 6, 7 }, { LOOPBACK, LOOPBACK, LOOPBACK }), 3)
    expect.equal({ map:count(), map[6] }, { 3, LOOPBACK })
    expect.equal(map:delete_all { 5, 99, 7 }, 2)
    expect.equal(map:dump(), { { key = 6, value = LOOPBACK } })
    local done, err, before = map:update_all({ 8, 9 }, { LOOPBACK, 4000000 })
    expect.equal({ done, before }, { nil, 1 })
    expect.truthy(err, "an interface that is not there")
    local keys, values = map:lookup_and_delete_all()
    table.sort(keys)
    expect.equal({ keys, values }, { { 6, 8 }, { LOOPBACK, LOOPBACK } })
    expect.equal(map:count(), 0)
  end)

  for _, type in ipairs { "hash", "lru_hash", "percpu_hash", "lpm_trie" } do
    it("take every entry out: " .. type, function()
      local is_trie = type == "lpm_trie"
      local map = bpf.create_map { type = type, value = "u64", entries = 500,
        flags = is_trie and 1 or nil, -- BPF_F_NO_PREALLOC
        key = is_trie and "struct { u32 prefixlen; u8 address[4]; }" or "u32" }
      local function key(i)
        return is_trie and ("10.0.%d.%d/32"):format(i / 256, i % 256) or i
      end
      local keys, values = {}, {}
      for i = 1, 300 do keys[i], values[i] = key(i), i * 7 end
      expect.equal(map:update_all(keys, values), 300)
      local taken_keys, taken = map:lookup_and_delete_all()
      expect.equal({ #taken_keys, #taken, map:count() }, { 300, 300, 0 })
      local sum = 0
      for _, value in ipairs(taken) do
        if type == "percpu_hash" then value = value[1] end
        sum = sum + tonumber(value)
      end
      expect.equal(sum, 7 * 300 * 301 / 2)
      expect.equal(map:update_all(taken_keys, taken), 300)
      expect.equal(tonumber((type == "percpu_hash" and map:lookup(key(9))[1])
                            or map:lookup(key(9))), 63)
      expect.equal({ #(map:lookup_and_delete_all()), map:count() }, { 300, 0 })
      expect.equal({ map:lookup_and_delete_all() }, { {}, {} })
    end)
  end

  it("take nothing out of an array", function()
    local map = bpf.create_map { type = "array", key = "u32", value = "u32", entries = 2 }
    expect.error("it has no entries that can be deleted", map.lookup_and_delete_all, map)
  end)
end)

describe("a kind that nothing is known of", function()
  it("is kept, with its bytes", function()
    -- Made by number, and without types: what BTF does not tell is bytes.
    local obj = bpf.load { source = [[
      struct {
        int (*type)[1];
        int (*key_size)[3];
        int (*value_size)[5];
        int (*max_entries)[4];
      } raw SEC(".maps");
    ]] }
    local raw = obj.maps.raw
    expect.equal(raw:update("abc", "\0\1\2\3\255"), true)
    expect.equal(raw:lookup "abc", "\0\1\2\3\255")
    for key, value in raw:pairs() do
      expect.equal({ key, value }, { "abc", "\0\1\2\3\255" })
    end
    expect.error("key of map 'raw'", raw.lookup, raw, "abcd")
    obj:close()
  end)

  it("is named by its number where the kernel lacks it", function()
    local obj = bpf.load { source = [[
      struct {
        int (*type)[999];
        int (*key_size)[4];
        int (*value_size)[4];
        int (*max_entries)[4];
      } odd SEC(".maps");
    ]] }
    expect.equal({ obj.maps.odd.type, obj.maps.odd:info().value_size }, { "type 999", 4 })
    expect.error("this kernel has no maps of the kind type 999", obj.maps.odd.lookup,
                 obj.maps.odd, 1)
  end)
end)
