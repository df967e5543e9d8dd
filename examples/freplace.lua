#!/usr/bin/env ebpf-lua
-- freplace takes the place of one function of another program, while that is loaded and
-- attached: a filter whose rule others fill in, without a new filter.
--
--   ebpf-lua examples/freplace.lua
local bpf = require "bpf"

local filter = bpf.load {
  source = [[
    __weak int allowed(struct __sk_buff *skb) { return skb->len > 0; }

    SEC("tc") int filter(struct __sk_buff *skb)
    {
      return allowed(skb) ? TC_ACT_OK : TC_ACT_SHOT;
    }
  ]],
}
local rule = bpf.load {
  source = [[
    u64 asked;
    SEC("freplace/allowed") int small_ones(struct __sk_buff *skb)
    {
      asked++;
      return skb->len <= 100;
    }
  ]],
}

local function show(what)
  local small = filter.programs.filter:test_run { data = ("x"):rep(60) }
  local large = filter.programs.filter:test_run { data = ("x"):rep(600) }
  print(("%-20s small %d, large %d"):format(what, small.retval, large.retval))
end

show "its own rule:"
local link = rule.programs.small_ones:attach(nil, { target = filter.programs.filter })
show "the rule of another:"
link:close()
show "its own again:"
print(("the rule was asked %d times"):format(rule.variables.asked))
