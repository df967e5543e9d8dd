--- The path from C text to Lua values on the running kernel: objects, maps, variables,
--- events.
local ffi = require "ffi"
local bpf = require "bpf"
local harness = require "harness"
local kernel = require "kernel"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

ffi.cdef [[
int getppid(void);
]]

local BIG = 2ULL ^ 53
local big_text = "9007199254740993" -- 2^53 + 1: no double holds it

--- Calls getppid `n` times: the event that the probes below wait for.
local function call(n)
  for _ = 1, n do ffi.C.getppid() end
end

local COUNTER = [[
  const volatile u32 target = 0;
  u64 calls;
  ARRAY(counts, u64, 4);

  SEC("tracepoint/syscalls/sys_enter_getppid")
  int on_call(void *ctx)
  {
    u32 slot = 1;
    u64 *count = bpf_map_lookup_elem(&counts, &slot);

    if (bpf_get_current_pid_tgid() >> 32 != target)
      return 0;
    __sync_fetch_and_add(&calls, 1);
    if (count)
      *count += 2;
    return 0;
  }
]]

describe("an object", function()
  it("counts what its probe sees, by map and by variable, until it is closed", function()
    local obj = bpf.load { source = COUNTER, constants = { target = support.pid } }
    obj:attach()
    call(10)
    expect.equal(obj.variables.calls, 10)
    expect.equal(obj.maps.counts[1], 20)
    expect.equal(obj.maps.counts[0], 0)
    obj.variables.calls = 100
    call(1)
    expect.equal(obj.variables.calls, 101)
    obj:close()
    expect.error("closed", function() return obj.maps.counts[1] end)
  end)

  it("stays attached when Lua drops it", function()
    local obj = bpf.load { source = COUNTER, constants = { target = support.pid } }
    obj:attach()
    local map = obj.maps.counts
    obj = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    call(3)
    expect.equal(map[1], 6)
    map.owner:close()
  end)

  it("is detached by its link alone", function()
    local obj = bpf.load { source = COUNTER, constants = { target = support.pid } }
    local link = obj.programs.on_call:attach()
    call(1)
    link:close()
    link:close()
    call(5)
    expect.equal(obj.variables.calls, 1)
    obj.programs.on_call:attach()
    call(1)
    expect.equal(obj.variables.calls, 2)
    obj:close()
  end)

  it("loads a program late, over the same maps", function()
    local obj = bpf.load { source = [[
      u64 total;
      const volatile u32 target = 0;

      SEC("tracepoint/syscalls/sys_enter_getppid")
      int first(void *ctx) { total += 1; return 0; }
      SEC("raw_tracepoint")
      int second(struct bpf_raw_tracepoint_args *ctx)
      {
        if (ctx->args[1] == 110 && bpf_get_current_pid_tgid() >> 32 == target)
          total += 1000;
        return 0;
      }
    ]], constants = { target = support.pid } }
    obj:attach()
    obj.programs.second:attach("raw_tracepoint:sys_enter")
    obj.variables.total = 0
    call(2)
    local total = obj.variables.total
    expect.truthy(total >= 2002 and total < 3000, "total " .. tostring(total))
    obj:close()
  end)

  it("compiled with load = false never touches the kernel", function()
    local obj = bpf.load { source = COUNTER, load = false }
    expect.error("load = false", function() obj:attach() end)
    expect.equal(obj.maps.counts:info().max_entries, 4)
  end)

  it("names what it does not have", function()
    local obj = bpf.load { source = COUNTER }
    expect.error("no map 'count' in", function() return obj.maps.count end)
    expect.error("no program 'on_cal' in", function() return obj.programs.on_cal end)
    expect.error("no variable 'call' in", function() return obj.variables.call end)
  end)
end)

describe("maps", function()
  local obj = bpf.load { source = [[
    enum color { RED = 1, GREEN = 7 };
    struct key { u32 a; u16 b; char name[6]; };
    struct value {
      u64 big; s64 negative; u8 small; enum color color; u32 low : 5, high : 3;
      struct { u16 x, y; } point; u32 list[3]; char text[8];
    };
    HASH(table, struct key, struct value, 16);
    HASH(numbers, u64, u64, 4096);
    LRU_HASH(recent, u32, u32, 16);
    PERCPU_HASH(per_cpu, u32, u64, 16);
    PERCPU_ARRAY(per_cpu_list, u64, 2);
    QUEUE(queue, u32, 2);
    STACK(stack, u32, 2);
    struct tiny { u8 v; };
    HASH(full, u32, struct tiny, 2);
    SEC("tracepoint/syscalls/sys_enter_getppid")
    int unused(void *ctx) { return 0; }
  ]] }
  local maps = obj.maps

  it("hold structs with every kind of field", function()
    local key = { a = 1, b = 2, name = "abc" }
    maps.table[key] = {
      big = big_text, negative = -5, small = 255, color = "GREEN", low = 31, high = 5,
      point = { x = 3, y = 4 }, list = { 10, 20, 30 }, text = "hi",
    }
    local value = maps.table[key]
    expect.equal(value.big, BIG + 1)
    expect.equal(value.negative, -5)
    expect.equal(value.small, 255)
    expect.equal(value.color, 7)
    expect.equal(value:name "color", "GREEN")
    expect.equal({ value.low, value.high }, { 31, 5 })
    expect.equal({ value.point.x, value.point.y }, { 3, 4 })
    expect.equal({ #value.list, value.list[1], value.list[3] }, { 3, 10, 30 })
    expect.equal(value.text, "hi")
    expect.error("no field 'bigg'", function() return value.bigg end)
    expect.equal(maps.table[{ a = 1, b = 2 }], nil)
  end)

  it("keep 64-bit keys and values exact on both sides of 2^53", function()
    maps.numbers[5] = 2 ^ 53
    expect.equal(maps.numbers[5], 2 ^ 53)
    maps.numbers[BIG + 1] = BIG + 3
    expect.equal(maps.numbers[BIG + 1], BIG + 3)
    expect.equal(maps.numbers:lookup(big_text), BIG + 3)
    expect.equal(maps.numbers:lookup("0x20000000000001"), BIG + 3)
    expect.equal(maps.numbers[2 ^ 53], nil)
    maps.numbers[BIG + 1] = nil
    expect.equal(maps.numbers[BIG + 1], nil)
    maps.numbers:clear()
    expect.equal(maps.numbers:count(), 0)
  end)

  it("are iterated whole, in batches", function()
    local sum = 0
    for i = 1, 3000 do maps.numbers[i] = i * 2 end
    local seen = 0
    for key, value in maps.numbers:pairs() do
      expect.equal(value, key * 2)
      sum, seen = sum + key, seen + 1
    end
    expect.equal({ seen, sum }, { 3000, 3000 * 3001 / 2 })
    for key in maps.numbers:pairs() do maps.numbers[key] = nil end
    expect.equal(maps.numbers:count(), 0)
  end)

  it("update with conditions and say what the kernel refuses", function()
    expect.equal(maps.full:update(1, { v = 1 }, "exist"), nil)
    expect.equal(maps.full:update(1, { v = 1 }, "noexist"), true)
    local done, err = maps.full:update(1, { v = 2 }, "noexist")
    expect.equal(done, nil)
    expect.truthy(tostring(err):find("exists already", 1, true), tostring(err))
    maps.full[2] = { v = 2 }
    expect.error("full", function() maps.full[3] = { v = 3 } end)
    expect.equal({ maps.full:delete(2), maps.full:delete(2) }, { true, false })
  end)

  it("look up and delete in one step", function()
    maps.full[1] = { v = 1 }
    local taken = kernel.try(maps.full.lookup_and_delete, maps.full, 1)
    expect.equal(taken.v, 1)
    expect.equal(maps.full[1], nil)
  end)

  it("have a value for each CPU where they are per-CPU", function()
    maps.per_cpu[7] = 5
    local list = maps.per_cpu[7]
    expect.equal(list:sum(), 5 * #list)
    expect.equal({ list:max(), list:avg() }, { 5, 5 })
    maps.per_cpu_list[1] = BIG + 1
    expect.equal(maps.per_cpu_list[1][1], BIG + 1)
    local count = 0
    for key, values in maps.per_cpu:pairs() do
      count = count + 1
      expect.equal({ key, values[1] }, { 7, 5 })
    end
    expect.equal(count, 1)
  end)

  it("are queues and stacks", function()
    expect.equal({ maps.queue:push(1), maps.queue:push(2) }, { true, true })
    expect.equal((maps.queue:push(3)), nil)
    expect.equal({ maps.queue:peek(), maps.queue:pop(), maps.queue:pop() }, { 1, 1, 2 })
    expect.equal(maps.queue:pop(), nil)
    maps.stack:push(1)
    maps.stack:push(2)
    expect.equal({ maps.stack:pop(), maps.stack:pop() }, { 2, 1 })
  end)

  it("refuse keys and values that do not fit", function()
    expect.error("out of range", function() maps.recent[2 ^ 32] = 1 end)
    expect.error("out of range", function() maps.recent[1] = -1 end)
    expect.error("has no member 'nam'", function() return maps.recent.nam end)
    expect.error("a string index", function() maps.recent.foo = 1 end)
    expect.error("only ring and perf buffers", function() maps.recent:each(print) end)
  end)
end)

local EVENTS = [[
  struct inner { u16 x; u8 bytes[3]; };
  struct event {
    u64 big; s64 negative; u32 pid; u16 number; s8 tiny; bool yes;
    char comm[TASK_COMM_LEN]; struct inner inner; u32 list[4];
  };
  %s
  const volatile u32 target = 0;

  SEC("tracepoint/syscalls/sys_enter_getppid")
  int on_call(void *ctx)
  {
    struct event e = {};

    if (bpf_get_current_pid_tgid() >> 32 != target)
      return 0;
    e.big = (1ULL << 53) + 1;
    e.negative = -3;
    e.pid = target;
    e.number = 65535;
    e.tiny = -1;
    e.yes = true;
    bpf_get_current_comm(e.comm, sizeof(e.comm));
    e.inner.x = 9;
    e.inner.bytes[2] = 200;
    e.list[3] = 44;
    %s
    return 0;
  }
]]

local function check_event(e)
  expect.equal(e.big, BIG + 1)
  expect.equal(e.negative, -3)
  expect.equal(e:exact "negative", -3LL)
  expect.equal({ e.pid, e.number, e.tiny, e.yes }, { support.pid, 65535, -1, true })
  expect.equal(e.comm, "ebpf-lua")
  expect.equal(e:raw "comm", "ebpf-lua" .. ("\0"):rep(8))
  expect.equal({ e.inner.x, e.inner.bytes[3], #e.list, e.list[4] }, { 9, 200, 4, 44 })
end

local BUFFERS = {
  { "a ring buffer", "RINGBUF(events, struct event, 4096);",
    "bpf_ringbuf_output(&events, &e, sizeof(e), 0);" },
  { "a perf buffer", "PERFBUF(events, struct event);",
    "bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));" },
  { "a ring buffer whose type the C tells",
    "struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } "
      .. "events SEC(\".maps\");",
    "bpf_ringbuf_output(&events, &e, sizeof(e), 0);" },
}

for _, buffer in ipairs(BUFFERS) do
  describe(buffer[1], function()
    it("brings every event with every field", function()
      local obj = bpf.load { source = EVENTS:format(buffer[2], buffer[3]),
                             constants = { target = support.pid } }
      local kept
      obj.maps.events:each(expect(function(e)
        check_event(e)
        kept = e:copy()
      end, 5))
      obj:attach()
      call(5)
      local handled = 0
      while handled < 5 do handled = handled + bpf.poll(1000) end
      obj:close()
      collectgarbage()
      check_event(kept)
      expect.equal(kept:table().inner.bytes, { 0, 0, 200 })
    end)

    it("can be read without a handler", function()
      local obj = bpf.load { source = EVENTS:format(buffer[2], buffer[3]),
                             constants = { target = support.pid } }
      expect.equal(#obj.maps.events:read(), 0)
      obj:attach()
      call(3)
      local two = obj.maps.events:read(2)
      expect.equal(#two, 2)
      check_event(two[2])
      expect.equal(#obj.maps.events:read(10, "struct event"), 1)
      obj:close()
    end)
  end)
end

describe("a map of two objects", function()
  local function two(declaration)
    local first = bpf.load { source = COUNTER }
    return first, bpf.load { source = declaration, maps = { counts = first.maps.counts } }
  end

  it("is one map", function()
    local first, second = two("ARRAY(counts, u64, 4);")
    second.maps.counts[2] = 77
    expect.equal(first.maps.counts[2], 77)
    first.maps.counts[3] = 78
    expect.equal(second.maps.counts[3], 78)
    first:close()
    expect.equal(second.maps.counts[2], 77)
    second:close()
  end)

  it("has to be the same on both sides", function()
    expect.error("it is a array, not a hash", two, "HASH(counts, u32, u64, 4);")
    expect.error("bytes of a value: 8 there, 4 here", two, "ARRAY(counts, u32, 4);")
    expect.error("entries: 4 there, 5 here", two, "ARRAY(counts, u64, 5);")
    expect.error("no map 'counts'", two, "ARRAY(count, u64, 4);")
  end)
end)
