SEC("tracepoint/syscalls/sys_enter_openat")
int program(struct trace_event_raw_sys_enter *ctx)
{
	char format[64] = "opened";
	u32 size = ctx->args[2] & 63;

	bpf_trace_printk(format, size);
	return 0;
}
