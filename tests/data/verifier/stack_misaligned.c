SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u64 value = bpf_ktime_get_ns();

	asm volatile("*(u64 *)(r10 - 13) = %0" : : "r"(value));
	return value == 1;
}
