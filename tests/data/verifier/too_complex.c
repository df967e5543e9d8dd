SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u64 sum = 0;

	for (u32 i = 0; i < 400000; i++) {
		sum += i * sum;
		asm volatile("" : "+r"(sum));
	}
	return sum != 0;
}
