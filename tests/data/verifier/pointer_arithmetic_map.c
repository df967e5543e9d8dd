HASH(counts, u32, u64, 16);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u32 key = 0;
	void *map = (void *)&counts + (bpf_get_prandom_u32() & 1) * 8;
	u64 *value = bpf_map_lookup_elem(map, &key);

	return value ? 1 : 0;
}
