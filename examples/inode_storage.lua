#!/usr/bin/env ebpf-lua
-- Storage that goes with a file: Lua marks files by their paths, the program finds the
-- mark at the file itself, by whatever name that is opened. Only security hooks have it.
--
--   ebpf-lua examples/inode_storage.lua FILE...         who opens them
local bpf = require "bpf"

local files = arg[1] and arg or error("usage: inode_storage.lua FILE...", 0)

local obj = bpf.load {
  source = [[
    struct mark { u32 number, opened; };
    struct {
      __uint(type, BPF_MAP_TYPE_INODE_STORAGE);
      __uint(map_flags, BPF_F_NO_PREALLOC);
      __type(key, int);
      __type(value, struct mark);
    } marks SEC(".maps");
    struct event { u32 pid, number, opened; char comm[TASK_COMM_LEN]; };
    RINGBUF(events, struct event, 64 * 1024);

    SEC("lsm/file_open")
    int BPF_PROG(on_open, struct file *file)
    {
      struct mark *mark = bpf_inode_storage_get(&marks, file->f_inode, 0, 0);
      struct event e = { .pid = bpf_get_current_pid_tgid() >> 32 };

      if (!mark)
        return 0;
      __sync_fetch_and_add(&mark->opened, 1);
      e.opened = mark->opened;
      e.number = mark->number;
      bpf_get_current_comm(e.comm, sizeof(e.comm));
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
      return 0;
    }
  ]],
}

for i, file in ipairs(files) do obj.maps.marks:update(file, { number = i }) end
obj.maps.events:each(function(e)
  print(("%s (%d) opens %s, time %d"):format(e.comm, e.pid, files[e.number], e.opened))
end)
obj:attach()
print "watching"
bpf.run()
