HASH(counts, u32, u64, 16);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	void *key = (void *)bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&counts, key);
	return 0;
}
