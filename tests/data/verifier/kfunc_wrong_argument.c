SEC("tp_btf/sched_switch")
int program(u64 *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	bpf_task_release(task);
	return 0;
}
