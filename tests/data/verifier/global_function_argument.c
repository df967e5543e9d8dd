__noinline int first(const u64 *values)
{
	return values[0] == 1;
}

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u64 value = bpf_ktime_get_ns();

	return first(&value);
}
