/*
 * The processes that a tool looks at: all, one (-p), or a command with all that it starts
 * (-c). `require("bpf.scope").load` fills it in.
 */
#pragma once

#include <ebl/scope.h>

const volatile __u32 target_pid = 0;
const volatile bool target_starts = false; /* and what it starts */

static __always_inline bool is_target(__u32 pid)
{
	if (!target_pid)
		return true;
	return target_starts ? started_by_command(pid) : pid == target_pid;
}
