SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u64 value = bpf_get_prandom_u32();

	asm volatile("%0 /= 0" : "+r"(value));
	return value == 1;
}
