SEC("raw_tracepoint/sched_switch")
int program(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *next = (void *)ctx->args[2];

	return next->pid == 1;
}
