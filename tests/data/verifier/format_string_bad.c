static const char format[] = "%d %z";

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	char out[16];
	u64 arguments[2] = { 1, 2 };

	bpf_snprintf(out, sizeof(out), format, arguments, sizeof(arguments));
	return out[0] == '1';
}
