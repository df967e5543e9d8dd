struct event { u32 pid; u32 uid; };
RINGBUF(events, struct event, 4096);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0;
	bpf_ringbuf_submit(&e->uid, 0);
	return 0;
}
