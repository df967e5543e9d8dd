-- Our side of bench/attach: FILE COUNT HOW. Attaches a program to functions of a file,
-- probed_0000 to COUNT, by one link (multi) or one by one (single), calls each once and
-- detaches. Prints how many were counted, and the seconds of attaching and detaching.
local bpf, ffi = require "bpf", require "ffi"
local file, count, how = arg[1], tonumber(arg[2]), arg[3]

ffi.cdef [[
typedef struct { long seconds, nanoseconds; } bench_time;
int clock_gettime(int clock, bench_time *time);
]]
local time = ffi.new("bench_time")
local function now()
  ffi.C.clock_gettime(1, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) * 1e-9
end

local obj = bpf.load { source = [[
  ARRAY(hits, u64, 1);

  SEC("uprobe")
  int on_function(struct pt_regs *ctx)
  {
    u32 zero = 0;
    u64 *hits_of = bpf_map_lookup_elem(&hits, &zero);

    if (hits_of)
      __sync_fetch_and_add(hits_of, 1);
    return 0;
  }
]] }
local program = obj.programs.on_function
if how == "multi" then
  program:load("uprobe:" .. file .. ":probed_*")
else
  program:load("uprobe:" .. file .. ":probed_0000")
end

local links, start = {}, now()
if how == "multi" then
  links[1] = program:attach("uprobe:" .. file .. ":probed_*")
else
  for i = 0, count - 1 do
    links[i + 1] = program:attach(("uprobe:%s:probed_%04d"):format(file, i))
  end
end
local attached = now()
-- Every function is called once: all must count, in whatever way they were attached.
assert(os.execute(file) == 0)
local hits = obj.maps.hits[0]
local before_close = now()
if how == "multi" then links[1]:close() else obj:close() end
io.write(("%d %.6f %.6f\n"):format(hits, attached - start, now() - before_close))
