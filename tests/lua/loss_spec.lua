--- Nothing is lost in silence: what happened = what was seen + what was counted lost, to
--- the last one, and it is said.
local ffi = require "ffi"
local bpf = require "bpf"
local harness = require "harness"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

ffi.cdef [[
int getppid(void);
int getpgid(int pid);
]]
local C = ffi.C

local function call(count)
  for _ = 1, count do C.getppid() end
end

--- A program that runs once for each getppid() of this process.
local function program(globals, body)
  return ([[
    struct event { u64 number; u32 pid; char pad[20]; };
    const volatile u32 target = 0;
    u64 number;
    %s
    SEC("tracepoint/syscalls/sys_enter_getppid")
    int on_call(void *ctx)
    {
      if (bpf_get_current_pid_tgid() >> 32 != target)
        return 0;
      struct event e = { .number = number++, .pid = target };
      %s
      return 0;
    }
  ]]):format(globals, body)
end

local function load(globals, body, text)
  local obj = bpf.load { source = text or program(globals, body),
                         constants = { target = support.pid } }
  return obj
end

--- Drains all that is there; returns how many records, after checking that they differ.
local function counter_of(map)
  local seen, known = 0, {}
  map:each(function(e)
    assert(not known[e.number] and e.pid == support.pid, "a record twice, or a wrong one")
    seen, known[e.number] = seen + 1, true
  end)
  return function()
    while bpf.poll(20) > 0 do end -- luacheck: ignore 542
    return seen
  end
end

local RING = "RINGBUF(events, struct event, 4096);"
local PERF = "PERFBUF(events, struct event);"
local BUFFERS = {
  { "bpf_ringbuf_output", RING, "bpf_ringbuf_output(&events, &e, sizeof(e), 0);" },
  { "bpf_ringbuf_reserve", RING, [[
      struct event *r = bpf_ringbuf_reserve(&events, sizeof(*r), 0);
      if (!r)
        return 0;
      *r = e;
      bpf_ringbuf_submit(r, 0);]] },
  { "bpf_ringbuf_reserve in a static function", RING .. [[
      static __noinline struct event *room(void)
      {
        return bpf_ringbuf_reserve(&events, sizeof(struct event), 0);
      }]], [[
      struct event *r = room();
      if (!r)
        return 0;
      *r = e;
      bpf_ringbuf_submit(r, 0);]] },
  { "bpf_perf_event_output", PERF,
    "bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));" },
}

describe("losses of", function()
  for _, buffer in ipairs(BUFFERS) do
    it(buffer[1] .. " are counted to the last one", function()
      local obj = load(buffer[2], buffer[3])
      local drain = counter_of(obj.maps.events)
      obj:attach()
      expect.equal(obj.maps.events:lost(), 0)
      local total = 0
      for round = 1, 3 do
        call(20000)
        total = total + 20000
        local seen = drain()
        local lost, by_program = obj.maps.events:lost()
        expect.equal(seen + lost, total)
        expect.truthy(seen > 50 * round and lost > 1000 * round, ("%d seen"):format(seen))
        expect.equal(by_program, { on_call = lost })
      end
      obj:close()
    end)
  end

  it("a text with its own #include are counted too", function()
    local obj = load(nil, nil, [[
      #include <vmlinux.h>
      #include <bpf/bpf_helpers.h>
      struct event { __u64 number; __u32 pid; };
      struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, 4096);
      } events SEC(".maps");
      const volatile __u32 target = 0;
      __u64 number;
      SEC("tracepoint/syscalls/sys_enter_getppid")
      int on_call(void *ctx)
      {
        if (bpf_get_current_pid_tgid() >> 32 != target)
          return 0;
        struct event e = { number++, target };
        bpf_ringbuf_output(&events, &e, sizeof(e), 0);
        return 0;
      }
      char LICENSE[] SEC("license") = "GPL";
    ]])
    local drain = counter_of(obj.maps.events)
    obj:attach()
    call(5000)
    local seen, lost = drain(), obj.maps.events:lost()
    expect.equal(seen + lost, 5000)
    expect.truthy(lost > 0)
    obj:close()
  end)

  it("a full hash map are counted, and what a flag asks for is not", function()
    local obj = load("HASH(full, u64, u64, 10); HASH(one, u32, u64, 10);", [[
      u32 key = 0;
      u64 count = 1;
      bpf_map_update_elem(&full, &e.number, &count, BPF_ANY);
      bpf_map_update_elem(&one, &key, &count, BPF_NOEXIST);
      key = 1;
      bpf_map_update_elem(&one, &key, &count, BPF_EXIST);]]):attach()
    call(1000)
    expect.equal(obj.maps.full:lost(), 990)
    expect.equal(obj.maps.full:count(), 10)
    expect.equal(obj.maps.one:lost(), 0)
    obj:close()
  end)

  it("a full queue and of an index past an array's end are counted", function()
    local obj = load("QUEUE(queue, u64, 7); ARRAY(array, u64, 5);", [[
      u32 index = e.number;
      bpf_map_push_elem(&queue, &e.number, 0);
      bpf_map_update_elem(&array, &index, &e.number, 0);]]):attach()
    call(100)
    expect.equal(("%s %s"):format(obj.maps.queue:lost(), obj.maps.array:lost()), "93 95")
    obj:close()
  end)

  it("a stack map: another stack with the same hash", function()
    local obj = load(nil, nil, [[
      STACKS(stacks, 1);
      const volatile u32 target = 0;
      static int keep(void *ctx)
      {
        if (bpf_get_current_pid_tgid() >> 32 == target)
          bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
        return 0;
      }
      SEC("tracepoint/syscalls/sys_enter_getppid")
      int one(void *ctx) { return keep(ctx); }
      SEC("tracepoint/syscalls/sys_exit_getpgid")
      int two(void *ctx) { return keep(ctx); }
    ]]):attach()
    call(3)
    for _ = 1, 40 do C.getpgid(0) end
    local lost, by_program = obj.maps.stacks:lost()
    expect.equal(lost, 40)
    expect.equal(by_program, { one = 0, two = 40 })
    obj:close()
  end)

  it("the map that was chosen are its own", function()
    local obj = load("HASH(even, u64, u64, 4); HASH(odd, u64, u64, 8);", [[
      u64 value = 1;
      bpf_map_update_elem(e.number & 1 ? (void *)&odd : (void *)&even, &e.number, &value,
                          BPF_ANY);]]):attach()
    call(100)
    expect.equal(("%s %s"):format(obj.maps.even:lost(), obj.maps.odd:lost()), "46 42")
    obj:close()
  end)
end)

describe("a program that stores nothing", function()
  it("has no counters, and its maps have lost nothing", function()
    local obj = load("HASH(read, u64, u64, 4);", [[
      u64 *value = bpf_map_lookup_elem(&read, &e.number);
      if (value)
        __sync_fetch_and_add(value, 1);]]):attach()
    expect.equal(obj.handle:loss_counters(), {})
    expect.equal(obj.maps.read:lost(), 0)
    obj:close()
  end)
end)

describe("missed runs", function()
  it("are those of a program that runs inside itself", function()
    local obj = load(nil, nil, [[
      const volatile u32 target = 0;
      SEC("tracepoint/syscalls/sys_enter_getppid")
      int on_call(void *ctx)
      {
        static const char text[] = "outer";
        if (bpf_get_current_pid_tgid() >> 32 == target)
          bpf_trace_printk(text, sizeof(text));
        return 0;
      }
      SEC("raw_tracepoint/bpf_trace_printk")
      int on_print(void *ctx)
      {
        static const char text[] = "inner";
        if (bpf_get_current_pid_tgid() >> 32 == target)
          bpf_trace_printk(text, sizeof(text));
        return 0;
      }
    ]])
    obj.programs.on_call:attach()
    local link = obj.programs.on_print:attach()
    if not link:missed() then
      skip "link:missed() is nil: the kernel's information on a program has no such count"
    end
    expect.equal(link:missed(), 0)
    call(100)
    expect.equal(link:missed(), 100)
    obj:close()
  end)
end)

local SCRIPT = [==[
  local bpf, ffi = require "bpf", require "ffi"
  ffi.cdef "int getppid(void); int getpid(void);"
  local obj = bpf.load { source = [[%s]], constants = { target = ffi.C.getpid() } }
  local seen, calls = 0, 0
  obj.maps.events:each(function() seen = seen + 1 end)
  obj:attach()
  local function burst()
    for _ = 1, 5000 do ffi.C.getppid() end
    calls = calls + 5000
  end
  bpf.every(0.3, burst)
  bpf.run(1)
  while bpf.poll(10) > 0 do end
  io.write(('{"calls":%%d,"seen":%%d}\n'):format(calls, seen))
]==]
local TWO = program(RING .. "HASH(full, u64, u64, 10);", [[
  u64 value = 1;
  bpf_map_update_elem(&full, &e.number, &value, BPF_ANY);
  bpf_ringbuf_output(&events, &e, sizeof(e), 0);]])

describe("a script that loses events", function()
  it("is warned while it runs, and told the sum at the end", function()
    local result = support.run_script(SCRIPT:format(TWO))
    local calls, seen = result.out:match('{"calls":(%d+),"seen":(%d+)}')
    local lines = {}
    for line in result.err:gmatch("[^\n]+") do lines[#lines + 1] = line end
    expect.equal(#lines, 2)
    expect.truthy(lines[1]:find("^ebpf%-lua: warning: lost so far: events %d+"), lines[1])
    local events, full = lines[2]:match(
      "^ebpf%-lua: lost: events (%d+) %(on_call%), full (%d+) %(on_call%)$")
    expect.truthy(events, lines[2])
    expect.equal(events + seen, tonumber(calls))
    expect.equal(full + 10, tonumber(calls))
    expect.equal(result.code, 0)
  end)

  it("tells JSON readers as well: the counts add up", function()
    local result = support.run_script(SCRIPT:format(TWO), "", "--json")
    local lost = { events = 0, full = 0 }
    for line in result.out:gmatch("[^\n]+") do
      local count, map = line:match(
        '^{"count":(%d+),"map":"(%w+)","program":"on_call","type":"lost_events"}$')
      if count then lost[map] = lost[map] + count end
    end
    local calls, seen = result.out:match('{"calls":(%d+),"seen":(%d+)}')
    expect.equal(lost.events + seen, tonumber(calls))
    expect.equal(lost.full + 10, tonumber(calls))
  end)
end)
