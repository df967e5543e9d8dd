SEC("tp_btf/sched_switch")
int program(u64 *ctx)
{
	struct task_struct *task = bpf_task_from_pid(1);

	bpf_task_release(task);
	return 0;
}
