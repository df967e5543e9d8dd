static __noinline int inner(int seed)
{
	volatile char buffer[300];

	buffer[seed & 127] = 1;
	return buffer[0];
}

SEC("xdp")
int program(struct xdp_md *ctx)
{
	volatile char buffer[300];

	buffer[bpf_get_prandom_u32() & 127] = 1;
	return inner(buffer[1]);
}
