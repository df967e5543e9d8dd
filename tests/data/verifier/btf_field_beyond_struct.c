SEC("tp_btf/sched_switch")
int program(u64 *ctx)
{
	struct task_struct *next = (void *)ctx[2];

	return *(volatile u64 *)((void *)next + 1000000) == 1;
}
