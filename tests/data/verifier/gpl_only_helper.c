SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u64 now = 0;

	bpf_probe_read_kernel(&now, sizeof(now), ctx);
	return now == 1;
}

char LICENSE[] SEC("license") = "Proprietary";
