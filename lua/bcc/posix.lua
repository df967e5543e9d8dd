-- utils.posix of BCC's scripts: clocks, sleeping, processors, 64-bit numbers.
local ffi = require "ffi"
local wait = require "bcc.wait"

ffi.cdef [[
struct ebl_bcc_time { long seconds; long nanoseconds; };
int ebl_bcc_clock(int clock, struct ebl_bcc_time *time) __asm__("clock_gettime");
int ebl_bcc_cpus(void) __asm__("get_nprocs");
unsigned long long ebl_bcc_number(const char *text, char **end, int base)
  __asm__("strtoull");
]]
local C = ffi.C

local M = {}

M.CLOCK = { REALTIME = 0, MONOTONIC = 1, PROCESS_CPUTIME_ID = 2, THREAD_CPUTIME_ID = 3,
            MONOTONIC_RAW = 4, REALTIME_COARSE = 5, MONOTONIC_COARSE = 6 }

--- Nanoseconds; by default of the clock of bpf_ktime_get_ns().
---@param clock integer?
---@return number
function M.time_ns(clock)
  local now = ffi.new("struct ebl_bcc_time")
  if C.ebl_bcc_clock(clock or M.CLOCK.MONOTONIC, now) ~= 0 then
    error(("clock_gettime(%s) failed, errno %d"):format(tostring(clock), ffi.errno()), 2)
  end
  return tonumber(now.seconds) * 1e9 + tonumber(now.nanoseconds)
end

--- Seconds, with a fraction.
function M.sleep(seconds)
  wait.sleep(seconds)
end

--- Processors that are on.
function M.cpu_count()
  return C.ebl_bcc_cpus()
end

--- A number too large for Lua's: uint64_t.
---@param text string
---@param base integer?
---@return ffi.cdata*
function M.tonumber64(text, base)
  assert(type(text) == "string", "tonumber64 takes text")
  return ffi.cast("uint64_t", C.ebl_bcc_number(text, nil, base or 10))
end

return M
