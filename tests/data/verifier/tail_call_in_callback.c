PROGS(next, 4);

static int step(u32 index, void *ctx)
{
	bpf_tail_call(*(void **)ctx, &next, 1);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	void *own = ctx;

	bpf_loop(3, step, &own, 0);
	return 0;
}
