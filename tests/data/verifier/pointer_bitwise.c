SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u64 bucket = (u64)ctx;

	asm volatile("%0 &= 15" : "+r"(bucket));
	return bucket == 3;
}
