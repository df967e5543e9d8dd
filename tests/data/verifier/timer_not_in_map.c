SEC("tc")
int program(struct __sk_buff *skb)
{
	struct bpf_timer timer = {};

	return bpf_timer_start(&timer, 1000, 0);
}
