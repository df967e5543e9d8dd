/* capabilities: bpf */
HASH(pointers, u32, u64, 16);

SEC("socket")
int program(struct __sk_buff *skb)
{
	u32 key = 0;
	u64 *slot = bpf_map_lookup_elem(&pointers, &key);

	if (slot)
		*slot = (u64)skb;
	return 0;
}
