SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	volatile u64 table[8] = {};
	u32 index = bpf_get_prandom_u32();

	return table[index] == 7;
}
