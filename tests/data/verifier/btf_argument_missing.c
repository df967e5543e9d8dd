SEC("tp_btf/sched_switch")
int program(u64 *ctx)
{
	return ctx[9] == 1;
}
