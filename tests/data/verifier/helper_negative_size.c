SEC("tracepoint/syscalls/sys_enter_openat")
int program(struct trace_event_raw_sys_enter *ctx)
{
	char buffer[64];
	int size = bpf_get_prandom_u32();

	if (size > 64)
		return 0;
	bpf_probe_read_user(buffer, size, (void *)ctx->args[1]);
	return buffer[0] == '/';
}
