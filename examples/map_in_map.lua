#!/usr/bin/env ebpf-lua
-- A map of maps: the program counts in whichever map Lua has put there. Each period gets
-- a fresh one, so that none is read while it is written.
--
--   ebpf-lua examples/map_in_map.lua         system calls by number, each half second
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    struct counts {
      __uint(type, BPF_MAP_TYPE_HASH);
      __uint(max_entries, 1024);
      __type(key, u32);
      __type(value, u64);
    };
    struct {
      __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
      __uint(max_entries, 1);
      __type(key, u32);
      __array(values, struct counts);
    } current SEC(".maps");

    SEC("raw_tracepoint/sys_enter")
    int count(struct bpf_raw_tracepoint_args *ctx)
    {
      u32 zero = 0, number = ctx->args[1];
      void *counts = bpf_map_lookup_elem(&current, &zero);
      u64 one = 1, *n;

      if (!counts)
        return 0;
      n = bpf_map_lookup_elem(counts, &number);
      if (n)
        __sync_fetch_and_add(n, 1);
      else
        bpf_map_update_elem(counts, &number, &one, BPF_ANY);
      return 0;
    }
  ]],
}

local function fresh()
  local map = bpf.create_map { type = "hash", key = "u32", value = "u64", entries = 1024 }
  obj.maps.current[0] = map
  return map
end

local map = fresh()
obj:attach()
bpf.every(0.5, function()
  local done = map
  map = fresh()
  local calls, kinds = 0, 0
  for _, count in done:pairs() do calls, kinds = calls + count, kinds + 1 end
  print(("%d calls of %d kinds"):format(calls, kinds))
end)
bpf.run()
