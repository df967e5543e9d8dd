const volatile char name[16] = "x";

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	bpf_get_current_comm((void *)name, sizeof(name));
	return 0;
}
