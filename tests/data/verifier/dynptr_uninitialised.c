SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	struct bpf_dynptr ptr;
	u64 value = 0;

	bpf_dynptr_read(&value, sizeof(value), &ptr, 0, 0);
	return value == 1;
}
