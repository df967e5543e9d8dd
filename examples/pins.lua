#!/usr/bin/env ebpf-lua
-- A map that outlives the program: it is pinned at a path, opened again with its types,
-- and used in the place of an object's own, if it is the same kind of map.
--
--   ebpf-lua examples/pins.lua /sys/fs/bpf/hits     counts on, each time it runs
local bpf = require "bpf"

local path = arg[1] or error("usage: pins.lua PATH", 0)

local SOURCE = [[
  struct hit { u64 count; char last[TASK_COMM_LEN]; };
  HASH(hits, u32, struct hit, 16);

  SEC("syscall")
  int count(void *ctx)
  {
    u32 key = 1;
    struct hit *hit = bpf_map_lookup_elem(&hits, &key);

    if (!hit)
      return 1;
    hit->count++;
    bpf_get_current_comm(hit->last, sizeof(hit->last));
    return 0;
  }
]]

local found, map = pcall(bpf.open_map, { path = path })
local obj = bpf.load { source = SOURCE, maps = found and { hits = map } or nil }
if not found then
  obj.maps.hits[1] = { count = 0 }
  obj.maps.hits:pin(path)
end
print("result", obj.programs.count:test_run({}).retval)

-- Nobody has to know the types: the map has them with it.
local again = bpf.open_map { path = path }
print(again.name, again[1].count, again[1].last)

local other = SOURCE:gsub("16%);", "17);")
print(select(2, pcall(bpf.load, { source = other, maps = { hits = again } })))
