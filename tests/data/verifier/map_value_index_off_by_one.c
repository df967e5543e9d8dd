struct counters { u64 slot[16]; };
HASH(counts, u32, struct counters, 16);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u32 key = 1;
	u32 index = bpf_get_prandom_u32();
	struct counters *counters = bpf_map_lookup_elem(&counts, &key);

	if (!counters || index > 16)
		return 0;
	counters->slot[index] += 1;
	return 0;
}
