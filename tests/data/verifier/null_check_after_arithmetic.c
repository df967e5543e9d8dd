struct slots { u64 slot[8]; };
HASH(histogram, u32, struct slots, 16);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u32 key = 1;
	struct slots *slots = bpf_map_lookup_elem(&histogram, &key);
	u64 *last = &slots->slot[7];

	barrier_var(last);
	if (slots)
		*last += 1;
	return 0;
}
