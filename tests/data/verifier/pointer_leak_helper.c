/* capabilities: bpf */
HASH(pointers, u64, u64, 16);

SEC("socket")
int program(struct __sk_buff *skb)
{
	u64 key = (u64)skb, one = 1;

	bpf_map_update_elem(&pointers, &key, &one, BPF_ANY);
	return 0;
}
