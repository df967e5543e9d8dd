SEC("cgroup/connect4")
int program(struct bpf_sock_addr *ctx)
{
	return ctx->user_port == 80 ? -1 : 1;
}
