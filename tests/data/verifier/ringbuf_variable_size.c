struct event { u64 time; };
RINGBUF(events, struct event, 4096);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u64 size = bpf_get_prandom_u32() & 63;
	void *e = bpf_ringbuf_reserve(&events, size, 0);

	if (e)
		bpf_ringbuf_discard(e, 0);
	return 0;
}
