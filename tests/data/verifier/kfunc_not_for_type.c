extern int bpf_sock_destroy(struct sock_common *sock) __ksym;

SEC("xdp")
int program(struct xdp_md *ctx)
{
	bpf_sock_destroy((void *)ctx);
	return XDP_PASS;
}
