SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u64 value;

	asm volatile("%0 = r7" : "=r"(value));
	return value == 1;
}
