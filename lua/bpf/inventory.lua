-- What there is in the kernel, whoever made it: programs, maps, links.
local host = require "bpf.host"
local errors = require "bpf.errors"
local look_up = require "bpf.look_up"

local M = {}

--- Adds the names of the processes that hold each.
local function with_comms(list)
  for _, entry in ipairs(list) do
    entry.comms = {}
    for place, pid in ipairs(entry.pids) do
      entry.comms[place] = look_up.comm(pid) or "?"
    end
  end
  return list
end

--- All programs. `run_cnt` and `run_time_ns` go up while somebody has the kernel count:
--- bpf.count_runs(), the sysctl kernel.bpf_stats_enabled.
---@return table[] programs {id, type, name, tag, xlated_size, jited_size, memlock
--- (bytes), uid, loaded_at (seconds since 1970), run_cnt, run_time_ns, recursion_misses?,
--- verified_insns?, btf_id?, map_ids, pids, comms}
function M.list_programs()
  return with_comms(errors.check(host.list_programs()))
end

--- All maps.
---@return table[] maps {id, type, name, key_size, value_size, max_entries, flags, memlock
--- (bytes), frozen, btf_id?, ifindex?, pids, comms}
function M.list_maps()
  local list = errors.check(host.list_maps())
  for _, entry in ipairs(list) do entry.frozen = entry.frozen ~= 0 end
  return with_comms(list)
end

--- All links: what is attached by a descriptor, and to what.
---@return table[] links {id, type, program_id, target?, attach_type?, ifindex?,
--- cgroup_id?, map_id?, functions?, missed?, pid?, pids, comms}
function M.list_links()
  return with_comms(errors.check(host.list_links()))
end

--- Has the kernel count the runs of all programs and their time, until `close()`.
---@return userdata counting
function M.count_runs()
  return errors.check(host.count_runs())
end

return M
