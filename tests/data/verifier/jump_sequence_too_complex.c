/* in a virtual machine only: 6.18.44 has a defect that this comes close to */
SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	for (u32 i = 0; i < 20000; i++)
		if (bpf_get_prandom_u32() == i)
			bpf_ktime_get_ns();
	return 0;
}
