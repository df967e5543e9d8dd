static __noinline int depth(int n)
{
	if (n == 0)
		return 1;
	return n + depth(n - 1) * bpf_get_prandom_u32();
}

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	return depth(3) == 4;
}
