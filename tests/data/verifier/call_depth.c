#define LEVEL(n, next) static __noinline int level##n(int x) { return next(x + n) * 3; }
static __noinline int level9(int x) { return x * bpf_get_prandom_u32(); }
LEVEL(8, level9)
LEVEL(7, level8)
LEVEL(6, level7)
LEVEL(5, level6)
LEVEL(4, level5)
LEVEL(3, level4)
LEVEL(2, level3)
LEVEL(1, level2)

SEC("tracepoint/syscalls/sys_enter_execve")
int program(void *ctx)
{
	return level1(bpf_get_prandom_u32()) == 7;
}
