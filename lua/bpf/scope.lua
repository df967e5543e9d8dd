-- The processes of -c CMD: the command, and all that it starts.
--
-- A program on the fork of processes keeps them in a map, which the programs of quick
-- probes and tools look into (ebl/scope.h).
local loop = require "bpf.loop"

local M = {}

local SOURCE = [[
  #include <ebl/scope.h>

  /* Processes that have ended stay in it until another has their number: what happens at
   * their end is theirs too.
   */
  SEC("raw_tracepoint/sched_process_fork")
  int on_fork(struct bpf_raw_tracepoint_args *ctx)
  {
    struct task_struct *parent = (void *)ctx->args[0], *child = (void *)ctx->args[1];
    u32 from = BPF_CORE_READ(parent, tgid), to = BPF_CORE_READ(child, tgid);
    u8 yes = 1;

    if (from == to)   /* a thread */
      return 0;
    if (bpf_map_lookup_elem(&ebl_scope, &from))
      bpf_map_update_elem(&ebl_scope, &to, &yes, BPF_ANY);
    else
      bpf_map_delete_elem(&ebl_scope, &to);
    return 0;
  }
]]

local object

--- Whether a process is the command of -c.
---@param pid integer?
---@return boolean
function M.is_command(pid)
  return pid ~= nil and pid == loop.settings.command_pid
end

--- What bpf.load takes as `maps` for a text that includes ebl/scope.h and looks at `pid`:
--- nil unless that is the command of -c. Processes are followed from the first call on,
--- which is before the command begins.
---@param pid integer?
---@return table<string, bpf.Map>?
function M.maps(pid)
  if not M.is_command(pid) then return nil end
  if not object then
    object = require("bpf.object").load { source = SOURCE, name = "scope" }
    object.maps.ebl_scope[pid] = 1
    object:attach()
  end
  return { ebl_scope = object.maps.ebl_scope }
end

--- bpf.load for a tool whose text includes ebl/target.h: is_target(pid) is then what -p
--- or -c says.
---@param args {pid: integer?} what bpf.cli gave
---@param options bpf.LoadOptions
---@return bpf.Object
function M.load(args, options)
  local pid = args.pid or loop.settings.pid
  options.constants = options.constants or {}
  options.constants.target_pid = pid or 0
  options.constants.target_starts = M.is_command(pid)
  options.maps = M.maps(pid)
  return require("bpf.object").load(options)
end

return M
