HASH(counts, u32, u64, 16);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u64 sample = 1;

	bpf_ringbuf_output(&counts, &sample, sizeof(sample), 0);
	return 0;
}
