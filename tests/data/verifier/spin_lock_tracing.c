struct account { struct bpf_spin_lock lock; u64 sum; };
HASH(accounts, u32, struct account, 16);

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	u32 key = 0;
	struct account *account = bpf_map_lookup_elem(&accounts, &key);

	if (!account)
		return 0;
	bpf_spin_lock(&account->lock);
	account->sum += 1;
	bpf_spin_unlock(&account->lock);
	return 0;
}
