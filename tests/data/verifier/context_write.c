SEC("xdp")
int program(struct xdp_md *ctx)
{
	ctx->data = 0;
	return XDP_PASS;
}
