struct event { u64 time; };
RINGBUF(events, struct event, 4096);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u64 *e = bpf_ringbuf_reserve(&events, sizeof(struct event), 0);

	if (!e)
		return 0;
	e[1] = bpf_ktime_get_ns();
	bpf_ringbuf_submit(e, 0);
	return 0;
}
