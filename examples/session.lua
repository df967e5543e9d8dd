#!/usr/bin/env ebpf-lua
-- A session: one program at the entry and at the return of functions, of the kernel or of
-- any program. What it noted at the entry tells it that this is the return.
--
--   ebpf-lua -d 5 examples/session.lua 'kprobe.session:vfs_*'
--   ebpf-lua -d 5 examples/session.lua 'uprobe.session:libc:str*'
local bpf = require "bpf"

local spec = arg[1] or error("usage: session.lua PROBE", 0)

local obj = bpf.load {
  source = ([[
    struct call { u64 function, thread; };
    struct total { u64 calls, ns; };
    HASH(running, struct call, u64, 10240);
    HASH(totals, u64, struct total, 10240);

    SEC("%s") int both(void *ctx)
    {
      struct call call = { bpf_get_attach_cookie(ctx), bpf_get_current_pid_tgid() };
      u64 now = bpf_ktime_get_ns(), *began = bpf_map_lookup_elem(&running, &call);
      struct total zero = {}, *total;

      if (!began)                           /* 0 asks for the return, too */
        return bpf_map_update_elem(&running, &call, &now, BPF_ANY) != 0;
      bpf_map_update_elem(&totals, &call.function, &zero, BPF_NOEXIST);
      total = bpf_map_lookup_elem(&totals, &call.function);
      if (total) {
        __sync_fetch_and_add(&total->calls, 1);
        __sync_fetch_and_add(&total->ns, now - *began);
      }
      bpf_map_delete_elem(&running, &call);
      return 0;
    }
  ]]):format(spec:match "^[^:]+"),
}

local names, cookies = {}, {}
for i, one in ipairs(bpf.list_probes(spec)) do
  names[i] = one:match "[^:]+$"
  cookies[names[i]] = i
end
local link = obj.programs.both:attach(spec, { cookie = cookies })
print(("timing %d functions"):format(link:info().functions))
bpf.run()

local tbl = bpf.table { { name = "CALLS", width = 8 }, { name = "FUNCTION" },
                        { name = "AVG(us)", key = "average" } }
tbl:header()
for cookie, total in obj.maps.totals:pairs() do
  tbl:row { calls = total.calls, ["function"] = names[cookie],
            average = ("%.3f"):format(tonumber(total.ns) / tonumber(total.calls) / 1000) }
end
