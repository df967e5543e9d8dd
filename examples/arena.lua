#!/usr/bin/env ebpf-lua
-- An arena: a list that a program builds in memory that Lua shares. Its pointers are
-- followed on both sides, and what one writes the other reads.
--
--   ebpf-lua examples/arena.lua
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    struct node { u64 value; struct node __arena *next; };
    ARENA(heap, 16);
    struct node __arena *head;
    u64 sum;

    /* One page for each node, for the sake of a short program. */
    SEC("syscall")
    int add(u64 *ctx)
    {
      struct node __arena *node;

      node = bpf_arena_alloc_pages(&heap, (void __arena *)0, 1, -1, 0);
      if (!node)
        return 1;
      node->value = *ctx;
      node->next = head;
      head = node;
      return 0;
    }

    SEC("syscall")
    int total(void *ctx)
    {
      struct node __arena *node = head;

      asm volatile("" : : "r"(&heap));      /* a program has the arena that it names */
      sum = 0;
      for (int i = 0; i < 16 && node; i++, node = node->next)
        sum += node->value;
      return 0;
    }
  ]],
}

local programs, v = obj.programs, obj.variables
for value = 1, 3 do programs.add:test_run { ctx = { value } } end

local function node(pointer) return obj.maps.heap:view("struct node", pointer) end
local pointer, values = v.head, {}
while pointer ~= 0 do
  values[#values + 1] = node(pointer).value
  node(pointer).value = node(pointer).value * 10
  pointer = node(pointer).next
end
print("the list", table.concat(values, " "))
programs.total:test_run {}
print("its sum, ten times as large", v.sum)
local full = 0
while programs.add:test_run { ctx = { 0 } }.retval == 0 do full = full + 1 end
print("pages that were left", full)
