RINGBUF(events, u64, 4096);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	struct bpf_dynptr ptr;

	bpf_ringbuf_reserve_dynptr(&events, 8, 0, &ptr);
	return 0;
}
