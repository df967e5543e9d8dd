struct account { struct bpf_spin_lock lock; u64 sum; };
HASH(accounts, u32, struct account, 16);

SEC("tc")
int program(struct __sk_buff *skb)
{
	u32 key = 0;
	struct account *account = bpf_map_lookup_elem(&accounts, &key);

	if (!account)
		return 0;
	bpf_spin_lock(&account->lock);
	account->sum += bpf_ktime_get_ns();
	bpf_spin_unlock(&account->lock);
	return 0;
}
