struct counters { u32 slot[4]; };
HASH(counts, u32, struct counters, 16);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u32 key = 1;
	struct counters *counters = bpf_map_lookup_elem(&counts, &key);

	if (!counters)
		return 0;
	*(&counters->slot[0] + 4) = 1;
	return 0;
}
