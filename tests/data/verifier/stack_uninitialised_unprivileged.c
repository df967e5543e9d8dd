/* capabilities: bpf */
struct key { u8 kind; u32 pid; };
HASH(seen, struct key, u64, 16);

SEC("socket")
int program(struct __sk_buff *skb)
{
	struct key key;
	u64 *value;

	key.kind = 1;
	key.pid = skb->len;
	value = bpf_map_lookup_elem(&seen, &key);
	return value ? 1 : 0;
}
