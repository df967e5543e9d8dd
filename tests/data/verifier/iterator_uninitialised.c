SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	struct bpf_iter_num it;
	int *value = bpf_iter_num_next(&it);

	return value ? *value : 0;
}
