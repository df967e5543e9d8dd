#!/usr/bin/env ebpf-lua
-- A ring buffer the other way: Lua writes records, a program reads them when it runs.
--
--   ebpf-lua examples/user_ringbuf.lua
local bpf = require "bpf"

local obj = bpf.load {
  source = [[
    enum action { SET = 1, ADD = 2 };
    struct command { enum action action; u32 slot; u64 value; };
    USER_RINGBUF(commands, struct command, 4096);
    ARRAY(slots, u64, 4);

    static long apply(struct bpf_dynptr *record, void *context)
    {
      const struct command *c = bpf_dynptr_data(record, 0, sizeof(*c));
      u64 *slot;
      u32 key;

      if (!c)
        return 0;                           /* shorter than a command: skip it */
      key = c->slot;
      slot = bpf_map_lookup_elem(&slots, &key);
      if (slot)
        *slot = c->action == ADD ? *slot + c->value : c->value;
      return 0;                             /* 1 would leave the rest for later */
    }

    SEC("syscall")
    int drain(void *ctx)
    {
      return bpf_user_ringbuf_drain(&commands, apply, (void *)0, 0);
    }
  ]],
}

local commands = obj.maps.commands
commands:write { action = "SET", slot = 0, value = 40 }
commands:write { action = "ADD", slot = 0, value = 2 }
commands:write { action = "SET", slot = 3, value = "18446744073709551615" }
print("records", obj.programs.drain:test_run({}).retval)
print("slots", obj.maps.slots[0], obj.maps.slots[3])
