SEC("tc")
int program(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	u32 *field;

	if (!sk)
		return 0;
	field = (void *)sk + (bpf_get_prandom_u32() & 12);
	return *field;
}
