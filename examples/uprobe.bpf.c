/* What uprobe.lua runs: pairs a function's argument with its result, both strings. */
struct event {
	u32 pid;
	char name[64], result[64];
};
RINGBUF(events, struct event, 64 * 1024);
HASH(names, u32, u64, 1024); /* thread -> the argument */

SEC("uprobe") int BPF_KPROBE(on_entry, const char *name)
{
	u32 thread = bpf_get_current_pid_tgid();
	u64 pointer = (u64)name;

	bpf_map_update_elem(&names, &thread, &pointer, BPF_ANY);
	return 0;
}

SEC("uretprobe") int BPF_KRETPROBE(on_return, const char *result)
{
	u32 thread = bpf_get_current_pid_tgid();
	u64 *name = bpf_map_lookup_elem(&names, &thread);
	struct event e = { .pid = bpf_get_current_pid_tgid() >> 32 };

	if (!name)
		return 0;
	bpf_probe_read_user_str(e.name, sizeof(e.name), (void *)*name);
	bpf_probe_read_user_str(e.result, sizeof(e.result), result);
	bpf_map_delete_elem(&names, &thread);
	bpf_ringbuf_output(&events, &e, sizeof(e), 0);
	return 0;
}
