SEC("tp_btf/sched_switch")
int program(u64 *ctx)
{
	bpf_rcu_read_lock();
	return 0;
}
