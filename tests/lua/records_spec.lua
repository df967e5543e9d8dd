--- Records of one size and of many, discarded ones, ones that wrap: each comes once, in
--- its order, be it read as part of a run or of a list, also after a stop or an error.
local ffi = require "ffi"
local bpf = require "bpf"
local harness = require "harness"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

ffi.cdef [[
int getppid(void);
]]

local SOURCE = [[
  struct event { u64 number; u32 size; char rest[36]; };
  struct longer { struct event e; char more[80]; };
  %s
  const volatile u32 target = 0, run = 0, discard = 0;
  u64 number;

  SEC("tracepoint/syscalls/sys_enter_getppid")
  int on_call(void *ctx)
  {
    struct longer e = {};

    if (bpf_get_current_pid_tgid() >> 32 != target)
      return 0;
    e.e.number = number++;
    // `run` records of one size, then one of the other; 0: all have one size.
    bool is_long = run && e.e.number %% (run + 1) == run;
    e.e.size = is_long ? sizeof(e) : sizeof(e.e);
    %s
    return 0;
  }
]]

local RING = { "ring buffer", "RINGBUF(events, struct event, 64 * 1024);", [[
    if (discard && e.e.number % discard == 0) {
      void *record = bpf_ringbuf_reserve(&events, 24, 0);
      if (record)
        bpf_ringbuf_discard(record, 0);
    }
    if (is_long)
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
    else
      bpf_ringbuf_output(&events, &e.e, sizeof(e.e), 0);]] }
local PERF = { "perf buffer", "PERFBUF(events, struct event);", [[
    if (is_long)
      bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));
    else
      bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e.e, sizeof(e.e));]] }

local function load(kind, constants)
  constants.target = support.pid
  return bpf.load { source = SOURCE:format(kind[2], kind[3]), constants = constants }
end

--- Checks each record; `visit(number)` may stop or raise.
local function checker(obj, visit)
  local seen, wrong, by_cpu = 0, 0, {}
  obj.maps.events:each(function(e, cpu)
    -- A process that changes its CPU writes into another perf buffer.
    if e.number <= (by_cpu[cpu] or -1) then wrong = wrong + 1 end
    by_cpu[cpu] = e.number
    seen = seen + 1
    if visit then visit(e.number, e.size) end
  end)
  obj:attach()
  return function() return seen, wrong end
end

local function drain()
  while bpf.poll(20) > 0 do end -- luacheck: ignore 542
end

local PATTERNS = { { run = 0 }, { run = 1 }, { run = 3 }, { run = 20 }, { run = 100 },
                   { run = 0, discard = 1 }, { run = 0, discard = 50 },
                   { run = 20, discard = 7 } }

for _, kind in ipairs { RING, PERF } do
  describe("records of a " .. kind[1], function()
    for _, pattern in ipairs(PATTERNS) do
      local run, discard = pattern.run, pattern.discard or 0
      if kind == RING or discard == 0 then
        it(("come once: %d in a row, discarding each %d"):format(run, discard), function()
          local obj = load(kind, { run = run, discard = discard })
          local longs = 0
          local result = checker(obj, function(_, size)
            if size > 48 then longs = longs + 1 end
          end)
          local total = 0
          for round = 1, 40 do -- the ring wraps several times
            local count = 7 * round
            for _ = 1, count do ffi.C.getppid() end
            total = total + count
            drain()
          end
          local seen, wrong = result()
          expect.equal(("%d %d"):format(seen, wrong), ("%d 0"):format(total))
          expect.equal(longs, run == 0 and 0 or math.floor(total / (run + 1)))
          expect.equal(obj.maps.events:lost(), 0)
          obj:close()
        end)
      end
    end

    it("are not taken when a handler stops, and come with the next poll", function()
      local obj = load(kind, { run = 40 })
      local result = checker(obj, function(number)
        if number % 30 == 29 then bpf.stop() end
      end)
      for _ = 1, 300 do ffi.C.getppid() end
      local polls, most = 0, 0
      while result() < 300 and polls < 100 do
        local handled = bpf.poll(20)
        polls, most = polls + 1, math.max(most, handled)
      end
      expect.equal({ result() }, { 300, 0 })
      expect.truthy(most <= 60, most .. " in one poll")
      obj:close()
    end)

    it("are taken up to the one whose handler fails", function()
      local obj = load(kind, { run = 40 })
      local result = checker(obj, function(number)
        if number % 50 == 49 then error("at " .. number, 0) end
      end)
      for _ = 1, 200 do ffi.C.getppid() end
      local failures = {}
      for _ = 1, 20 do
        local ok, err = pcall(drain)
        if not ok then failures[#failures + 1] = tostring(err):match("at %d+") end
      end
      expect.equal({ result() }, { 200, 0 })
      expect.equal(#failures, 4)
      obj:close()
    end)
  end)
end

describe("the pages of a perf buffer", function()
  it("are as many as the script asks for", function()
    local obj = load(PERF, { run = 0 })
    local seen = 0
    obj.maps.events:each(function() seen = seen + 1 end, nil, { pages = 1024 })
    obj:attach()
    for _ = 1, 8000 do ffi.C.getppid() end -- more than 64 pages hold
    drain()
    expect.equal(("%d %d"):format(seen, obj.maps.events:lost()), "8000 0")
    obj:close()
  end)

  it("are a power of two", function()
    local obj = load(PERF, { run = 0 })
    for _, options in ipairs { { pages = 3 }, { pages = 0 }, { size = 4 }, 7 } do
      local ok, err = pcall(function()
        obj.maps.events:each(function() end, nil, options)
      end)
      expect.equal(ok, false)
      expect.truthy(tostring(err):find("a power of two", 1, true), tostring(err))
    end
    obj:close()
  end)
end)
