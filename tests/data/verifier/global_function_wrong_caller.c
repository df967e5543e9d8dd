struct pair { u64 a, b; };

__noinline int sum(const struct pair *pair)
{
	return pair ? pair->a + pair->b : 0;
}

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u64 value = bpf_ktime_get_ns();

	asm volatile("" : "+r"(value));
	return sum((void *)value);
}
