struct sample { u8 kind; u64 count; } __attribute__((packed));
HASH(samples, u32, struct sample, 16);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u32 key = 0;
	struct sample *sample = bpf_map_lookup_elem(&samples, &key);

	if (sample)
		__sync_fetch_and_add(&sample->count, 1);
	return 0;
}
