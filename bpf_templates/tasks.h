/*
 * What tracing programs need of tasks on every kernel.
 */
#pragma once

#include <ebl/ebpf_lua.h>

struct task_struct___before_5_14 {
	volatile long state;
} __attribute__((preserve_access_index));

struct task_struct___since_5_14 {
	unsigned int __state;
} __attribute__((preserve_access_index));

/* TASK_RUNNING (0), or why it sleeps. */
static __always_inline long task_state(const struct task_struct *task)
{
	const struct task_struct___since_5_14 *now = (const void *)task;
	const struct task_struct___before_5_14 *before = (const void *)task;

	if (bpf_core_field_exists(now->__state))
		return BPF_CORE_READ(now, __state);
	return BPF_CORE_READ(before, state);
}
