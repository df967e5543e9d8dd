SEC("tp_btf/sched_switch")
int program(u64 *ctx)
{
	struct task_struct *task = bpf_task_from_pid(1);

	return task && task->pid == 1;
}
