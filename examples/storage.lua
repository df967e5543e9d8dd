#!/usr/bin/env ebpf-lua
-- Storage that goes with a process: the value is made at its first use, found without a
-- key, and gone when the process is. Lua finds it by the process's number.
--
--   ebpf-lua examples/storage.lua PID        how that process uses openat()
local bpf = require "bpf"

local pid = tonumber(arg[1] or "") or error("usage: storage.lua PID", 0)

local obj = bpf.load {
  source = [[
    struct use { u64 calls, first_ns, last_ns; };
    struct {
      __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
      __uint(map_flags, BPF_F_NO_PREALLOC);
      __type(key, int);
      __type(value, struct use);
    } uses SEC(".maps");

    SEC("tp_btf/sys_enter")
    int BPF_PROG(on_call, struct pt_regs *regs, long number)
    {
      struct use *use;

      if (number != 257)                    /* openat on x86-64 */
        return 0;
      use = bpf_task_storage_get(&uses, bpf_get_current_task_btf(), 0,
                                 BPF_LOCAL_STORAGE_GET_F_CREATE);
      if (!use)
        return 0;
      use->last_ns = bpf_ktime_get_ns();
      if (!use->calls++)
        use->first_ns = use->last_ns;
      return 0;
    }
  ]],
}

obj:attach()
print("watching " .. pid)
bpf.every(0.2, function()
  local ok, use = pcall(obj.maps.uses.lookup, obj.maps.uses, pid)
  if not ok then
    print(pid .. " has ended, and its storage with it")
    bpf.stop()
  elseif use then
    print(("%d calls in %.1f ms"):format(use.calls, (use.last_ns - use.first_ns) / 1e6))
  end
end)
bpf.run()
