/* capabilities: bpf */
SEC("socket")
long program(struct __sk_buff *skb)
{
	return (long)skb;
}
