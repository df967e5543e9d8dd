SEC("tc")
int program(struct __sk_buff *skb)
{
	u32 index = bpf_get_prandom_u32() & 3;

	return *(volatile u32 *)((void *)skb->cb + index * 4);
}
