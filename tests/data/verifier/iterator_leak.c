SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	struct bpf_iter_num it;

	bpf_iter_num_new(&it, 0, 3);
	return bpf_iter_num_next(&it) != 0;
}
