-- Our side of bench/memory: ROUNDS of 40,000 events each. Prints, for the round that
-- reaches one million events and the last one: events, resident KB, KB of Lua; then the
-- bytes of garbage an event, with the collector off.
local bpf, ffi = require "bpf", require "ffi"
local rounds, EVENTS = tonumber(arg[1]), 40000

ffi.cdef "int getppid(void); int getpid(void);"
local C = ffi.C
local obj = bpf.load { source = [[
  struct event { u64 ts; u32 pid; u32 seq; char comm[TASK_COMM_LEN]; };
  RINGBUF(events, struct event, 4 * 1024 * 1024);
  u32 target_pid;

  SEC("raw_tp/sys_enter")
  int on_enter(struct bpf_raw_tracepoint_args *ctx)
  {
    u32 pid = bpf_get_current_pid_tgid() >> 32;

    if (pid != target_pid || ctx->args[1] != 110 /* getppid on x86-64 */)
      return 0;
    struct event e = { .pid = pid, .ts = bpf_ktime_get_ns() };
    bpf_get_current_comm(e.comm, sizeof(e.comm));
    bpf_ringbuf_output(&events, &e, sizeof(e), 0);
    return 0;
  }
]] }

local seen, sum, by_comm = 0, 0, {}
obj.maps.events:each(function(e)
  sum = sum + e.ts
  by_comm[e.comm] = (by_comm[e.comm] or 0) + 1
  seen = seen + 1
end)
obj:attach()

local function round()
  obj.variables.target_pid = C.getpid()
  for _ = 1, EVENTS do C.getppid() end
  obj.variables.target_pid = 0
  while bpf.poll(0) > 0 do end -- luacheck: ignore 542
end

local function resident_kb()
  for line in io.lines("/proc/self/status") do
    local kb = line:match("^VmRSS:%s+(%d+)")
    if kb then return tonumber(kb) end
  end
end

for number = 1, rounds do
  round()
  if number == 25 or number == rounds then
    collectgarbage()
    collectgarbage()
    print(seen, resident_kb(), math.floor(collectgarbage "count"))
  end
end
collectgarbage "stop"
local before, counted = collectgarbage "count", seen
for _ = 1, 25 do round() end
print((collectgarbage "count" - before) * 1024 / (seen - counted))
