-- soak.lua SECONDS: events at full rate for that long, a slow consumer in the middle
-- third, and the balance at the end: for each buffer, produced = seen + lost.
--
-- Two child processes call getppid() as fast as they can. Each call writes to a large
-- ring, a small ring, a perf buffer (one call in 64: its wake-ups are dear) and a hash
-- map that is full. Meanwhile timers must fire, the records of a process must come in
-- their order, and memory must not grow.
local bpf, ffi = require "bpf", require "ffi"

local seconds = tonumber(arg[1])
if not seconds or seconds < 3 then
  io.stderr:write("usage: soak.lua SECONDS (3 or more)\n")
  os.exit(2)
end

ffi.cdef [[
int fork(void);
int getpid(void);
int getppid(void);
int kill(int pid, int number);
int usleep(unsigned int microseconds);
int waitpid(int pid, int *status, int options);
int prctl(int option, unsigned long argument, ...);
void _exit(int code);
]]
local C = ffi.C
local SIGKILL, PR_SET_PDEATHSIG = 9, 1
local PRODUCERS, MAP_ENTRIES = 2, 100
local TIMER = 0.05

local obj = bpf.load { source = [[
  struct event { u64 number; u32 pid; u32 size; char comm[TASK_COMM_LEN]; };
  struct long_event { struct event e; char more[200]; };
  RINGBUF(large, struct event, 4 * 1024 * 1024);
  RINGBUF(small, struct event, 64 * 1024);
  PERFBUF(perf, struct event);
  HASH(full, u64, u64, 100);

  bool running;
  u32 target;               // the parent of the producers
  u64 numbers, produced_large, produced_small, produced_perf, produced_full;

  SEC("tracepoint/syscalls/sys_enter_getppid")
  int on_call(void *ctx)
  {
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct event e = {};

    if (!running || BPF_CORE_READ(task, real_parent, tgid) != target)
      return 0;
    e.number = __sync_fetch_and_add(&numbers, 1);
    e.pid = bpf_get_current_pid_tgid() >> 32;
    bpf_get_current_comm(e.comm, sizeof(e.comm));

    // Every eighth record of the large ring is a long one.
    __sync_fetch_and_add(&produced_large, 1);
    if (e.number % 8 == 0) {
      struct long_event *l = bpf_ringbuf_reserve(&large, sizeof(*l), 0);
      if (l) {
        l->e = e;
        l->e.size = sizeof(*l);
        bpf_ringbuf_submit(l, 0);
      }
    } else {
      e.size = sizeof(e);
      bpf_ringbuf_output(&large, &e, sizeof(e), 0);
    }

    __sync_fetch_and_add(&produced_small, 1);
    struct event *s = bpf_ringbuf_reserve(&small, sizeof(*s), 0);
    if (s) {
      *s = e;
      bpf_ringbuf_submit(s, 0);
    }

    if (e.number % 64 == 0) {
      __sync_fetch_and_add(&produced_perf, 1);
      bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, &e, sizeof(e));
    }
    __sync_fetch_and_add(&produced_full, 1);
    bpf_map_update_elem(&full, &e.number, &e.number, BPF_ANY);
    return 0;
  }
]] }

local failures = {}
local function check(good, form, ...)
  if not good then failures[#failures + 1] = form:format(...) end
end

local slow = false
local seen = { large = 0, small = 0, perf = 0 }
local by_comm = {}

--- The handler of a buffer. The records of one process come in the order of their
--- numbers; in a perf buffer, those of each CPU.
local function handler(name)
  local last, disorder = {}, 0
  return function(e, cpu)
    local pid, number = e.pid + cpu * 2 ^ 32, e.number
    if number <= (last[pid] or -1) then disorder = disorder + 1 end
    last[pid] = number
    by_comm[e.comm] = (by_comm[e.comm] or 0) + 1
    seen[name] = seen[name] + 1
    if slow and number % 1024 == 0 then C.usleep(2000) end
  end, function()
    check(disorder == 0, "%s: %d records out of order", name, disorder)
  end
end

local orders = {}
for name in pairs(seen) do
  local fn
  fn, orders[#orders + 1] = handler(name)
  obj.maps[name]:each(fn)
end

local function resident_kb()
  for line in io.lines("/proc/self/status") do
    local kb = line:match("^VmRSS:%s+(%d+)")
    if kb then return tonumber(kb) end
  end
end

local ticks, memory = 0, {}
bpf.every(TIMER, function() ticks = ticks + 1 end)
local function note_memory()
  collectgarbage()
  memory[#memory + 1] = { resident = resident_kb(), lua = collectgarbage "count" }
end
bpf.after(seconds / 3, function()
  note_memory()
  slow = true
end)
bpf.after(seconds * 2 / 3, function() slow = false end)

obj:attach()
local v = obj.variables
v.target = C.getpid()
local children = {}
for _ = 1, PRODUCERS do
  local child = C.fork()
  if child == 0 then
    C.prctl(PR_SET_PDEATHSIG, SIGKILL)
    while true do C.getppid() end
  end
  children[#children + 1] = child
end
v.running = true
local why = bpf.run(seconds)
v.running = false
for _, child in ipairs(children) do
  C.kill(child, SIGKILL)
  C.waitpid(child, nil, 0)
end
while bpf.poll(100) > 0 do end -- luacheck: ignore 542
note_memory()

check(why == "timeout", "ended early: %s", why)
seen.full = obj.maps.full:count()
local names = { "large", "small", "perf", "full" }
print(("%-6s %12s %12s %12s"):format("", "produced", "seen", "lost"))
for _, name in ipairs(names) do
  local produced, lost = v["produced_" .. name], obj.maps[name]:lost()
  print(("%-6s %12d %12d %12d"):format(name, produced, seen[name], lost))
  check(produced > 0, "%s: nothing produced", name)
  check(produced == seen[name] + lost, "%s: %d events are missing", name,
        produced - seen[name] - lost)
end
check(seen.full == MAP_ENTRIES, "the map holds %d entries", seen.full)
check(seen.large > 0 and seen.small > 0 and seen.perf > 0, "a buffer was never read")
check(obj.maps.large:lost() > 0, "the slow consumer lost nothing")
for _, in_order in ipairs(orders) do in_order() end
local counted = 0
for _, count in pairs(by_comm) do counted = counted + count end
check(counted == seen.large + seen.small + seen.perf, "counted by name: %d", counted)
-- A tenth of the beats: on a busy machine the process itself waits for its turn.
check(ticks > seconds / TIMER / 10, "%d timers fired in %d s", ticks, seconds)
local first, last = memory[1], memory[2]
check(last.resident < first.resident + 2048, "resident memory grew from %d to %d KB",
      first.resident, last.resident)
check(last.lua < first.lua + 512, "Lua's memory grew from %d to %d KB", first.lua,
      last.lua)
print(("%d timers, %.1f MB resident"):format(ticks, last.resident / 1024))
for _, text in ipairs(failures) do print("FAILED: " .. text) end
os.exit(#failures == 0 and 0 or 1)
