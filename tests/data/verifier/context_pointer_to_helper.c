SEC("tc")
int program(struct __sk_buff *skb)
{
	char bytes[4];

	bpf_skb_load_bytes((void *)skb + 8, 0, bytes, sizeof(bytes));
	return bytes[0];
}
