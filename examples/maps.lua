#!/usr/bin/env ebpf-lua
-- Maps without a program: made from Lua, every kind of update, batches, maps in maps.
--
--   ebpf-lua examples/maps.lua
local bpf = require "bpf"

local hits = bpf.create_map {
  type = "hash", key = "u32", value = "struct hit", entries = 4, name = "hits",
  types = "struct hit { u64 count; char comm[16]; };",
}
hits[1] = { count = 1, comm = "one" }
print("noexist", (hits:update(1, { count = 2 }, "noexist")))
print("exist", (hits:update(1, { count = 2, comm = "one" }, "exist")))
print("batch", hits:update_all({ 2, 3 }, { { count = 20 }, { count = 30 } }))
for key, hit in hits:pairs() do print(key, hit.count, hit.comm) end

local ok, err = hits:update_all({ 4, 5 }, { { count = 4 }, { count = 5 } })
print(ok, err)
print("deleted", hits:delete_all { 1, 2, 3, 4, 99 })

local routes = bpf.create_map {
  type = "lpm_trie", key = "struct prefix", value = "u32", entries = 16, flags = 1,
  types = "struct prefix { u32 bits; u8 address[4]; };",
}
routes:update("10.0.0.0/8", 8)
routes:update("10.1.0.0/16", 16)
print("10.1.2.3", routes:lookup "10.1.2.3", "10.9.9.9", routes:lookup "10.9.9.9")

local array = { type = "array", key = "u32", value = "u64", entries = 2 }
local outer = bpf.create_map { type = "hash_of_maps", key = "u32", entries = 4,
                               inner = array }
local inner = bpf.create_map(array)
inner[1] = "18446744073709551615"
outer[7] = inner
print("inner", bpf.open_map({ id = outer[7] })[1])
