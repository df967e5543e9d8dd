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
		_Pragma("GCC diagnostic push")                                     \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"")             \
		return ____##name(___bpf_ctx_cast(args));                          \
		_Pragma("GCC diagnostic pop")                                      \
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

/*
 * A field at the end of a tracepoint's record. Without a length it is as long as it says, but
 * never longer than what `to` is known to hold.
 */
#define __ebl_data_loc(field) ((const char *)args + (args->data_loc_##field & 0xffff))
#define TP_DATA_LOC_READ_CONST(to, field, length)                                  \
	bpf_probe_read_kernel((void *)(to), length, __ebl_data_loc(field))
#define TP_DATA_LOC_READ_STR(to, field, length)                                    \
	bpf_probe_read_kernel_str((void *)(to), length, __ebl_data_loc(field))
#define TP_DATA_LOC_READ(to, field)                                                \
	({                                                                         \
		__u32 __ebl_length = (__u32)args->data_loc_##field >> 16;          \
		__u32 __ebl_most = __builtin_object_size((void *)(to), 1);         \
		TP_DATA_LOC_READ_CONST(                                            \
			to, field,                                                 \
			__ebl_length < __ebl_most ? __ebl_length : __ebl_most);    \
	})
