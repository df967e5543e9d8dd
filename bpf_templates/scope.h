/*
 * Whether a process is one of those that the command of -c has started, itself included:
 * lua/bpf/scope.lua fills the map.
 */
#pragma once

#include <ebl/ebpf_lua.h>

HASH(ebl_scope, __u32, __u8, 16384);

static __always_inline bool started_by_command(__u32 pid)
{
	return bpf_map_lookup_elem(&ebl_scope, &pid) != 0;
}
