SEC("tp_btf/sys_enter")
int program(u64 *ctx)
{
	char first = 0;

	bpf_copy_from_user_str(&first, 1, (void *)ctx[1], 0);
	return first == '/';
}
