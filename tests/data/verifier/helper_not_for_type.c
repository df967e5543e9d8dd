SEC("xdp")
int program(struct xdp_md *ctx)
{
	char bytes[4];

	return bpf_skb_load_bytes(ctx, 0, bytes, sizeof(bytes)) ? XDP_DROP : XDP_PASS;
}
