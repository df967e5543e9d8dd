SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u64 hash = 0;

	for (u32 i = 0; i < bpf_get_prandom_u32(); i++)
		hash = hash * 31 + i;
	return hash != 0;
}
