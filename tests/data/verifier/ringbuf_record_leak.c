struct event { u32 pid; u32 uid; };
RINGBUF(events, struct event, 4096);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0;
	e->uid = bpf_get_current_uid_gid();
	if (e->uid == 0)
		return 0;
	bpf_ringbuf_submit(e, 0);
	return 0;
}
