const volatile u32 limit = 3;

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	*(volatile u32 *)&limit = 4;
	return 0;
}
