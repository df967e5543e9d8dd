static u64 counts;

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u32 key = 0;

	bpf_map_delete_elem(&counts, &key);
	return 0;
}
