-- Perf events by the kernel's numbers, as BCC's scripts give them.
local errors = require "bpf.errors"

local M = {}

M.PerfType = { HARDWARE = 0, SOFTWARE = 1, TRACEPOINT = 2, HW_CACHE = 3, RAW = 4,
               BREAKPOINT = 5 }

M.PerfSWConfig = { CPU_CLOCK = 0, TASK_CLOCK = 1, PAGE_FAULTS = 2, CONTEXT_SWITCHES = 3,
                   CPU_MIGRATIONS = 4, PAGE_FAULTS_MIN = 5, PAGE_FAULTS_MAJ = 6,
                   ALIGNMENT_FAULTS = 7, EMULATION_FAULTS = 8, DUMMY = 9, BPF_OUTPUT = 10,
                   CGROUP_SWITCHES = 11 }

M.PerfHWConfig = { CPU_CYCLES = 0, INSTRUCTIONS = 1, CACHE_REFERENCES = 2,
                   CACHE_MISSES = 3, BRANCH_INSTRUCTIONS = 4, BRANCH_MISSES = 5,
                   BUS_CYCLES = 6, STALLED_CYCLES_FRONTEND = 7,
                   STALLED_CYCLES_BACKEND = 8, REF_CPU_CYCLES = 9 }

-- By type and number: the names of probe specs.
local NAMES = {
  [0] = { [0] = "cycles", "instructions", "cache-references", "cache-misses", "branches",
          "branch-misses", "bus-cycles", "stalled-cycles-frontend",
          "stalled-cycles-backend", "ref-cycles" },
  [1] = { [0] = "cpu-clock", "task-clock", "page-faults", "context-switches",
          "cpu-migrations", "minor-faults", "major-faults", "alignment-faults",
          "emulation-faults", [11] = "cgroup-switches" },
  [3] = { [0x0] = "L1-dcache-loads", [0x10000] = "L1-dcache-load-misses",
          [0x10001] = "L1-icache-load-misses", [0x2] = "LLC-loads",
          [0x10002] = "LLC-load-misses", [0x102] = "LLC-stores",
          [0x10102] = "LLC-store-misses", [0x10003] = "dTLB-load-misses",
          [0x10004] = "iTLB-load-misses" },
}

--- The name of an event in a probe spec.
---@param kind integer PerfType
---@param config integer
---@return string
function M.name(kind, config)
  local name = NAMES[kind] and NAMES[kind][tonumber(config)]
  if not name then
    errors.misuse(("perf event of type %s and config %s has no name here")
                  :format(tostring(kind), tostring(config)))
  end
  return name
end

return M
