#!/usr/bin/env ebpf-lua
-- A struct in a map as settings that change while the program runs. Each line of standard
-- input sets one: "enabled 0", "sample_rate 10".
--
--   ebpf-lua examples/config.lua             one system call in 100, counted
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    struct config { u32 enabled, sample_rate; };
    struct counts { u64 seen, sampled; };
    ARRAY(config, struct config, 1);
    PERCPU_ARRAY(counts, struct counts, 1);

    SEC("raw_tracepoint/sys_enter")
    int on_call(struct bpf_raw_tracepoint_args *ctx)
    {
      u32 zero = 0;
      struct config *c = bpf_map_lookup_elem(&config, &zero);
      struct counts *n = bpf_map_lookup_elem(&counts, &zero);

      if (!c || !n || !c->enabled)
        return 0;
      if (c->sample_rate && n->seen++ % c->sample_rate == 0)
        n->sampled++;                       /* here the real work would be done */
      return 0;
    }
  ]],
}

local settings = { enabled = 1, sample_rate = 100 }
local function apply()
  obj.maps.config[0] = settings
  obj.maps.counts:clear()
end

local function report()
  local seen, sampled = 0, 0
  for _, cpu in ipairs(obj.maps.counts[0]) do
    seen, sampled = seen + cpu.seen, sampled + cpu.sampled
  end
  print(("enabled %d, one in %d: %d of %d"):format(settings.enabled,
                                                   settings.sample_rate, sampled, seen))
end

apply()
bpf.each_line(function(line)
  local name, value = line:match("^(%S+) (%d+)$")
  if not settings[name] then return print("settings: enabled, sample_rate") end
  settings[name] = tonumber(value)
  apply()
end)
obj:attach()
bpf.every(0.5, report)
bpf.run()
