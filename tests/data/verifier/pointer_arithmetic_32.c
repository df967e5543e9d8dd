SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u32 low = (u64)ctx;

	asm volatile("%0 += 3" : "+w"(low));
	return low == 7;
}
