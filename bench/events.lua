-- Our side of bench/events: MODE KIND CALLS BYTES ROUNDS, as bench/events.c takes them.
-- MODE is also row (a table's row an event) and view (print of the event: with --json).
local bpf, ffi = require "bpf", require "ffi"
local mode, kind = arg[1], arg[2]
local calls, bytes, rounds = tonumber(arg[3]), tonumber(arg[4]), tonumber(arg[5])

ffi.cdef [[
typedef struct { long seconds, nanoseconds; } bench_time;
int clock_gettime(int clock, bench_time *time);
int getppid(void);
int getpid(void);
int fork(void);
int pipe(int *ends);
long read(int fd, void *buffer, size_t size);
long write(int fd, const void *buffer, size_t size);
int waitpid(int pid, int *status, int options);
void _exit(int code);
]]
local C = ffi.C

-- What this thread has used of its processor, as in C.
local time = ffi.new("bench_time")
local function now()
  C.clock_gettime(3, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) * 1e-9
end

local perf = kind == "perf"
local obj = bpf.load {
  source = ([[
    struct event { u32 pid; u32 seq; u64 ts; char comm[TASK_COMM_LEN]; char pad[32]; };
    %s
    u32 target_pid;

    SEC("raw_tp/sys_enter")
    int on_enter(struct bpf_raw_tracepoint_args *ctx)
    {
      u32 pid = bpf_get_current_pid_tgid() >> 32;

      if (pid != target_pid || ctx->args[1] != 110 /* getppid on x86-64 */)
        return 0;
      struct event e = { .pid = pid, .ts = bpf_ktime_get_ns() };
      bpf_get_current_comm(e.comm, sizeof(e.comm));
      %s
      return 0;
    }
  ]]):format(
    perf and "PERFBUF(events, struct event);"
      or ("RINGBUF(events, struct event, %d);"):format(bytes),
    perf and "bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));"
      or "bpf_ringbuf_output(&events, &e, sizeof(e), 0);"),
}

local rows = bpf.table { { name = "PID" }, { name = "TS" }, { name = "COMM" } }
local seen, sum, by_comm = 0, 0, {}
local handlers = {
  add = function(e)
    sum = sum + e.ts
    seen = seen + 1
  end,
  count = function(e)
    sum = sum + e.ts
    local comm = e.comm
    by_comm[comm] = (by_comm[comm] or 0) + 1
    seen = seen + 1
  end,
  print = function(e)
    print(e.pid, e.ts, e.comm)
    seen = seen + 1
  end,
  row = function(e)
    rows:row(e)
    seen = seen + 1
  end,
}
obj.maps.events:each(handlers[mode], nil, perf and { pages = bytes / 4096 } or nil)
obj:attach()

local function report(taken, lost)
  io.stderr:write(("%d %.6f %d\n"):format(seen, taken, lost))
end

local lost_before = 0
for _ = 1, rounds do
  local taken, done, part = 0, 0, math.floor(bytes / (perf and 128 or 80))
  seen = 0
  while done < calls do
    part = math.min(part, calls - done)
    obj.variables.target_pid = C.getpid()
    for _ = 1, part do C.getppid() end
    obj.variables.target_pid = 0
    done = done + part
    local start = now()
    while bpf.poll(0) > 0 do end -- luacheck: ignore 542
    taken = taken + now() - start
  end
  local lost = obj.maps.events:lost()
  report(taken, lost - lost_before)
  lost_before = lost
end
if rounds == 0 then
  local ends, byte = ffi.new("int[2]"), ffi.new("char[1]")
  assert(C.pipe(ends) == 0)
  local start = now()
  local child = C.fork()
  if child == 0 then
    C.read(ends[0], byte, 1)
    local begun = now()
    for _ = 1, calls do C.getppid() end
    io.stderr:write(("cost %.1f\n"):format((now() - begun) * 1e9 / calls))
    C._exit(0)
  end
  obj.variables.target_pid = child
  C.write(ends[1], byte, 1)
  while seen + obj.maps.events:lost() < calls do bpf.poll(100) end
  report(now() - start, obj.maps.events:lost())
  C.waitpid(child, nil, 0)
end
