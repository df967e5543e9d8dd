static long (*no_such_helper)(void) = (void *)9999;

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	return no_such_helper();
}
