-- Our side of bench/maps: ID KIND ENTRIES. Answers each line of standard input, read or
-- write, with: entries, seconds, a sum. The map is that of bench/maps.c.
local bpf, ffi = require "bpf", require "ffi"
local id, kind, entries = tonumber(arg[1]), arg[2], tonumber(arg[3])

ffi.cdef [[
typedef struct { long seconds, nanoseconds; } bench_time;
int clock_gettime(int clock, bench_time *time);
]]
local time = ffi.new("bench_time")
local function now()
  ffi.C.clock_gettime(3, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) * 1e-9
end

local map = bpf.open_map { id = id }
local read = {}

function read.struct()
  local seen, sum = 0, 0
  for key, value in map:pairs() do
    sum = sum + key + value.count
    seen = seen + 1
  end
  return seen, sum
end
read.hash, read.lru_hash, read.array = read.struct, read.struct, read.struct

function read.percpu_hash()
  local seen, sum = 0, 0
  for key, value in map:pairs() do
    sum = sum + key + value:sum()
    seen = seen + 1
  end
  return seen, sum
end

function read.stack_trace()
  local seen, sum = 0, 0
  for _, frames in map:pairs() do
    for i = 1, #frames do
      if frames[i] == 0 then break end
      sum = sum + 1
    end
    seen = seen + 1
  end
  return seen, sum
end

local keys, values = {}, {}
for i = 0, entries - 1 do
  keys[i + 1] = kind == "array" and i or i * 7919
  values[i + 1] = { count = i, bytes = i * 2, pid = i % 0x10000, errors = 1 }
end

--- Of lists that are there. Clearing is not timed.
local function write()
  if kind ~= "array" then map:clear() end
  local start = now()
  local done = assert(map:update_all(keys, values))
  return done, now() - start
end

io.stdout:setvbuf("line")
for line in io.lines() do
  local seen, sum, taken
  if line == "write" then
    seen, taken = write()
  else
    local start = now()
    seen, sum = read[kind]()
    taken = now() - start
  end
  io.write(("%d %.9f %d\n"):format(seen, taken, tonumber(sum or 0)))
end
