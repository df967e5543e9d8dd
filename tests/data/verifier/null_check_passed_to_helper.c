HASH(names, u32, u64, 16);
HASH(other, u64, u64, 16);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u32 key = 1;
	u64 *name = bpf_map_lookup_elem(&names, &key);

	bpf_map_delete_elem(&other, name);
	return 0;
}
