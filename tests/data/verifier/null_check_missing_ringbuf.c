struct event { u32 pid; u32 uid; };
RINGBUF(events, struct event, 4096);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	e->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_ringbuf_submit(e, 0);
	return 0;
}
