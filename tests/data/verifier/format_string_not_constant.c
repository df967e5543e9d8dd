SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	char out[16];
	char format[4] = "%d";
	u64 argument = 1;

	bpf_snprintf(out, sizeof(out), format, &argument, sizeof(argument));
	return out[0] == '1';
}
