SEC("tracepoint/syscalls/sys_enter_openat")
int program(struct trace_event_raw_sys_enter *ctx)
{
	char first;

	bpf_copy_from_user(&first, 1, (void *)ctx->args[1]);
	return first == '/';
}
