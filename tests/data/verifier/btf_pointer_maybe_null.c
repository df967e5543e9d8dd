SEC("tp_btf/sched_pi_setprio")
int program(u64 *ctx)
{
	struct task_struct *donor = (void *)ctx[1];

	return donor->pid == 1;
}
