SEC("tracepoint/syscalls/sys_enter_openat")
int program(struct trace_event_raw_sys_enter *ctx)
{
	const char *name = (const char *)ctx->args[1];

	return name[0] == '/';
}
