SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	char name[16];

	bpf_get_current_comm(name, 64);
	return name[0] == 'a';
}
