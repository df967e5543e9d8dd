SEC("tp_btf/sched_switch")
int program(u64 *ctx)
{
	struct task_struct *next = (void *)ctx[2];

	next->static_prio = 1;
	return 0;
}
