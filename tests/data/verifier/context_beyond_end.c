SEC("tracepoint/syscalls/sys_enter_execve")
int program(u64 *ctx)
{
	return ctx[1100] == 1;
}
