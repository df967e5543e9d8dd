#!/usr/bin/env ebpf-lua
-- Storage that goes with a control group, for programs of every kind: it is made at its
-- first use and gone when the group is. Lua finds it by the group's path.
--
--   ebpf-lua examples/cgrp_storage.lua GROUP            processes that a group starts
local bpf = require "bpf"

local group = arg[1] or error("usage: cgrp_storage.lua GROUP", 0)

local obj = bpf.load {
  source = [[
    struct use { u64 started, ended; };
    struct {
      __uint(type, BPF_MAP_TYPE_CGRP_STORAGE);
      __uint(map_flags, BPF_F_NO_PREALLOC);
      __type(key, int);
      __type(value, struct use);
    } uses SEC(".maps");

    static struct use *use_of(struct task_struct *task)
    {
      return bpf_cgrp_storage_get(&uses, task->cgroups->dfl_cgrp, 0,
                                  BPF_LOCAL_STORAGE_GET_F_CREATE);
    }

    SEC("tp_btf/sched_process_exec") int BPF_PROG(on_exec, struct task_struct *task)
    {
      struct use *use = use_of(task);

      if (use)
        __sync_fetch_and_add(&use->started, 1);
      return 0;
    }

    SEC("tp_btf/sched_process_exit") int BPF_PROG(on_exit, struct task_struct *task)
    {
      struct use *use = task->pid == task->tgid ? use_of(task) : NULL;

      if (use)
        __sync_fetch_and_add(&use->ended, 1);
      return 0;
    }
  ]],
}

obj:attach()
print("watching " .. group)
bpf.every(0.2, function()
  local use = obj.maps.uses:lookup(group)
  if use then print(("%d started, %d ended"):format(use.started, use.ended)) end
end)
bpf.run()
