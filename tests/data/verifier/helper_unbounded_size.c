SEC("tracepoint/syscalls/sys_enter_openat")
int program(struct trace_event_raw_sys_enter *ctx)
{
	char buffer[64];
	u64 size = bpf_get_current_pid_tgid();

	bpf_probe_read_user(buffer, size, (void *)ctx->args[1]);
	return buffer[0] == '/';
}
