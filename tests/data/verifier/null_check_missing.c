HASH(counts, u32, u64, 16);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u32 key = 1;
	u64 *value = bpf_map_lookup_elem(&counts, &key);

	*value += 1;
	return 0;
}
