static int step(u32 index, void *sum)
{
	*(u64 *)sum += index;
	return 5;
}

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u64 sum = 0;

	bpf_loop(3, step, &sum, 0);
	return sum == 3;
}
