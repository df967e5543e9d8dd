#!/usr/bin/env ebpf-lua
-- Maps without keys: a queue gives the oldest value, a stack the youngest, and a bloom
-- filter says whether it may have seen one. Lua and programs use the same ends.
--
--   ebpf-lua examples/queues.lua
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    QUEUE(queue, u32, 4);
    STACK(stack, u32, 4);
    struct {
      __uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
      __uint(max_entries, 1000);
      __type(value, u32);
    } seen SEC(".maps");
    u32 taken, doubles;

    /* Moves one value from the queue to the stack. */
    SEC("socket")
    int move(struct __sk_buff *skb)
    {
      u32 value;

      if (bpf_map_pop_elem(&queue, &value))
        return 1;                           /* it is empty */
      taken = value;
      if (!bpf_map_peek_elem(&seen, &value))
        doubles++;
      bpf_map_push_elem(&seen, &value, BPF_ANY);
      bpf_map_push_elem(&stack, &value, BPF_EXIST);   /* full: the oldest goes */
      return 0;
    }
  ]],
}

local m, move = obj.maps, obj.programs.move
for _, value in ipairs { 1, 2, 2, 3 } do m.queue:push(value) end
print("a fifth", (m.queue:push(5)))
print("next", m.queue:peek())
local moved = 0
while move:test_run({ data = ("\0"):rep(14) }).retval == 0 do moved = moved + 1 end
print(("moved %d, the last was %d, %d twice"):format(moved, obj.variables.taken,
                                                     obj.variables.doubles))
print("from the stack", m.stack:pop(), m.stack:pop(), m.stack:pop(), m.stack:pop(),
      m.stack:pop())
print("seen 3", m.seen:contains(3), "seen 99", m.seen:contains(99))
