SEC("tracepoint/syscalls/sys_enter_openat")
int program(struct trace_event_raw_sys_enter *ctx)
{
	char buffer[64];
	u32 size = ctx->args[2];

	if (size > 256)
		return 0;
	bpf_probe_read_user(buffer, size, (void *)ctx->args[1]);
	return buffer[0] == '/';
}
