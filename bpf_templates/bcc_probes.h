/*
 * Probe macros of BCC C: each is a function whose name tells its hook.
 */
#pragma once

#define TRACEPOINT_PROBE(category, event)                                          \
	struct tracepoint__##category##__##event;                                  \
	int tracepoint__##category##__##event(                                     \
		struct tracepoint__##category##__##event *args)

#define RAW_TRACEPOINT_PROBE(event)                                                \
	int raw_tracepoint__##event(struct bpf_raw_tracepoint_args *ctx)

/* BCC's has the type of the result in it. */
#undef BPF_PROG
#define BPF_PROG(name, args...)                                                    \
	int name(unsigned long long *ctx);                                         \
	static inline int ____##name(unsigned long long *ctx, ##args);             \
	int name(unsigned long long *ctx)                                          \
	{                                                                          \
		return ____##name(___bpf_ctx_cast(args));                          \
	}                                                                          \
	static inline __attribute__((always_inline)) int ____##name(               \
		unsigned long long *ctx, ##args)

#define KFUNC_PROBE(function, args...)                                             \
	BPF_PROG(kfunc__vmlinux__##function, ##args)
#define KRETFUNC_PROBE(function, args...)                                          \
	BPF_PROG(kretfunc__vmlinux__##function, ##args)
#define MODULE_KFUNC_PROBE(module, function, args...)                              \
	BPF_PROG(kfunc__##module##__##function, ##args)
#define MODULE_KRETFUNC_PROBE(module, function, args...)                           \
	BPF_PROG(kretfunc__##module##__##function, ##args)
#define KMOD_RET(function, args...) BPF_PROG(kmod_ret__##function, ##args)
#define LSM_PROBE(hook, args...) BPF_PROG(lsm__##hook, ##args)

#define BPF_ITER(target) int bpf_iter__##target(struct bpf_iter__##target *ctx)
