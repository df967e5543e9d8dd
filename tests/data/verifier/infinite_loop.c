SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	volatile int spins = 0;

	while (1)
		spins = 1;
	return 0;
}
