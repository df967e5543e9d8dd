#!/usr/bin/env ebpf-lua
-- fentry and fexit: a kernel function with its arguments by type, at its entry and, with
-- what it returned, at its end. Kernel memory is read by plain dereference.
--
--   ebpf-lua examples/fentry.lua        files that are opened, and the size of each
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    struct event { u32 pid; int result; s64 size; char comm[16]; char name[64]; };

    RINGBUF(events, struct event, 256 * 1024);
    u64 entries;

    SEC("fentry/vfs_open")
    int BPF_PROG(on_open, const struct path *path, struct file *file)
    {
      __sync_fetch_and_add(&entries, 1);
      return 0;
    }

    SEC("fexit/vfs_open")
    int BPF_PROG(on_opened, const struct path *path, struct file *file, int result)
    {
      struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

      if (!e)
        return 0;
      e->pid = bpf_get_current_pid_tgid() >> 32;
      e->result = result;
      e->size = path->dentry->d_inode->i_size;
      bpf_get_current_comm(e->comm, sizeof(e->comm));
      bpf_probe_read_kernel_str(e->name, sizeof(e->name), path->dentry->d_name.name);
      bpf_ringbuf_submit(e, 0);
      return 0;
    }
  ]],
}
local tbl = bpf.table { { name = "PID", width = 7 }, { name = "COMM", width = 16 },
                        { name = "RESULT", width = 6 }, { name = "SIZE", width = 10 },
                        { name = "NAME" } }
tbl:header()
obj.maps.events:each(function(e) tbl:row(e:table()) end)
obj:attach()
bpf.run()
io.stderr:write(("%d files opened\n"):format(tonumber(obj.variables.entries)))
