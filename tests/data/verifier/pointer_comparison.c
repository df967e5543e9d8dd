/* capabilities: bpf */
SEC("socket")
int program(struct __sk_buff *skb)
{
	u32 local = 1;

	asm volatile("" : : "r"(&local) : "memory");
	return (u64)skb > 4096 + bpf_get_prandom_u32();
}
