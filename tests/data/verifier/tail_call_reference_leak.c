struct event { u64 time; };
RINGBUF(events, struct event, 4096);
PROGS(next, 4);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0;
	bpf_tail_call(ctx, &next, 1);
	bpf_ringbuf_discard(e, 0);
	return 0;
}
