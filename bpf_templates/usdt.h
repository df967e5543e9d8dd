/*
 * Statically defined probes (USDT) in C: what <bpf/usdt.bpf.h> of libbpf offers, under the
 * same names. The attach stage writes where each argument lies into the first map, whose
 * layout is libbpf's own; the index is the cookie of the place, or before Linux 5.15 comes
 * from the second map by the instruction pointer.
 */
#pragma once

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#ifndef BPF_USDT_MAX_SPEC_CNT
#define BPF_USDT_MAX_SPEC_CNT 256
#endif
#ifndef BPF_USDT_MAX_IP_CNT
#define BPF_USDT_MAX_IP_CNT (4 * BPF_USDT_MAX_SPEC_CNT)
#endif
#define BPF_USDT_MAX_ARG_CNT 12

enum {
	__EBL_USDT_CONSTANT,
	__EBL_USDT_REGISTER,
	__EBL_USDT_MEMORY,
	__EBL_USDT_INDEXED,
};

struct __bpf_usdt_arg_spec {
	__u64 val_off;
	__u8 arg_type;
	__u8 __reserved;
	/* offset in struct pt_regs: 12 bits; shift to the left: 4 bits */
	__u16 index;
	__s16 reg_off;
	_Bool arg_signed;
	/* bits that a value of 64 bits has to spare */
	__u8 arg_bitshift;
};

struct __bpf_usdt_spec {
	struct __bpf_usdt_arg_spec args[BPF_USDT_MAX_ARG_CNT];
	__u64 usdt_cookie;
	__s16 arg_cnt;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BPF_USDT_MAX_SPEC_CNT);
	__type(key, __s32);
	__type(value, struct __bpf_usdt_spec);
} __bpf_usdt_specs SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BPF_USDT_MAX_IP_CNT);
	__type(key, __u64);
	__type(value, __u32);
} __bpf_usdt_ip_to_spec_id SEC(".maps") __weak;

extern const _Bool LINUX_HAS_BPF_COOKIE __kconfig;

static __always_inline struct __bpf_usdt_spec *__ebl_usdt_spec(struct pt_regs *ctx)
{
	__s32 number;

	if (LINUX_HAS_BPF_COOKIE) {
		number = bpf_get_attach_cookie(ctx);
	} else {
		__u64 place = PT_REGS_IP(ctx);
		__u32 *known = bpf_map_lookup_elem(&__bpf_usdt_ip_to_spec_id, &place);

		if (!known)
			return 0;
		number = *known;
	}
	return bpf_map_lookup_elem(&__bpf_usdt_specs, &number);
}

/* How many arguments the probe has, or -ESRCH (-3). */
static __attribute__((noinline, unused)) int bpf_usdt_arg_cnt(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *spec = __ebl_usdt_spec(ctx);

	return spec ? spec->arg_cnt : -3;
}

static __always_inline long __ebl_usdt_register(struct pt_regs *ctx, __s64 offset, __u64 *value)
{
	return bpf_probe_read_kernel(value, sizeof(*value), (char *)ctx + offset);
}

/* The value of an argument in memory: no byte beyond it is touched. */
static __always_inline long __ebl_usdt_memory(struct pt_regs *ctx, struct __bpf_usdt_arg_spec *arg,
					      __u64 *value)
{
	__u64 address, index, size = 8 - (arg->arg_bitshift >> 3);
	long err = __ebl_usdt_register(ctx, arg->reg_off, &address);

	if (err)
		return err;
	if (arg->arg_type == __EBL_USDT_INDEXED) {
		err = __ebl_usdt_register(ctx, arg->index & 0xfff, &index);
		if (err)
			return err;
		address += index << (arg->index >> 12);
	}
	*value = 0;
	if (size > 8)
		return -22;
	return bpf_probe_read_user(value, size, (void *)(address + arg->val_off));
}

/*
 * Argument `number`, counted from 0, widened to 64 bits with its sign. 0, or a negative errno and
 * a zero: -3 unknown place, -2 no such argument, -22 in a register that cannot be read.
 */
static __attribute__((noinline, unused)) int bpf_usdt_arg(struct pt_regs *ctx, __u64 number,
							  long *result)
{
	struct __bpf_usdt_spec *spec;
	struct __bpf_usdt_arg_spec *arg;
	__u64 value = 0;
	long err = 0;

	*result = 0;
	spec = __ebl_usdt_spec(ctx);
	if (!spec)
		return -3;
	if (number >= BPF_USDT_MAX_ARG_CNT || number >= spec->arg_cnt)
		return -2;
	arg = &spec->args[number];
	switch (arg->arg_type) {
	case __EBL_USDT_CONSTANT:
		value = arg->val_off;
		break;
	case __EBL_USDT_REGISTER:
		err = __ebl_usdt_register(ctx, arg->reg_off, &value);
		break;
	case __EBL_USDT_MEMORY:
	case __EBL_USDT_INDEXED:
		err = __ebl_usdt_memory(ctx, arg, &value);
		break;
	default:
		err = -22;
	}
	if (err)
		return err;
	value <<= arg->arg_bitshift;
	*result = arg->arg_signed ? (__s64)value >> arg->arg_bitshift : value >> arg->arg_bitshift;
	return 0;
}

/* The cookie that was given to attach(). */
static __attribute__((noinline, unused)) long bpf_usdt_cookie(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *spec = __ebl_usdt_spec(ctx);

	return spec ? spec->usdt_cookie : 0;
}

#define __ebl_usdt_value(n)                      \
	({                                       \
		long __value;                    \
		bpf_usdt_arg(ctx, n, &__value);  \
		(void *)__value;                 \
	})
#define ___bpf_usdt_args0() ctx
#define ___bpf_usdt_args1(x) ___bpf_usdt_args0(), __ebl_usdt_value(0)
#define ___bpf_usdt_args2(x, args...) ___bpf_usdt_args1(args), __ebl_usdt_value(1)
#define ___bpf_usdt_args3(x, args...) ___bpf_usdt_args2(args), __ebl_usdt_value(2)
#define ___bpf_usdt_args4(x, args...) ___bpf_usdt_args3(args), __ebl_usdt_value(3)
#define ___bpf_usdt_args5(x, args...) ___bpf_usdt_args4(args), __ebl_usdt_value(4)
#define ___bpf_usdt_args6(x, args...) ___bpf_usdt_args5(args), __ebl_usdt_value(5)
#define ___bpf_usdt_args7(x, args...) ___bpf_usdt_args6(args), __ebl_usdt_value(6)
#define ___bpf_usdt_args8(x, args...) ___bpf_usdt_args7(args), __ebl_usdt_value(7)
#define ___bpf_usdt_args9(x, args...) ___bpf_usdt_args8(args), __ebl_usdt_value(8)
#define ___bpf_usdt_args10(x, args...) ___bpf_usdt_args9(args), __ebl_usdt_value(9)
#define ___bpf_usdt_args11(x, args...) ___bpf_usdt_args10(args), __ebl_usdt_value(10)
#define ___bpf_usdt_args12(x, args...) ___bpf_usdt_args11(args), __ebl_usdt_value(11)
#define ___bpf_usdt_args(args...) ___bpf_apply(___bpf_usdt_args, ___bpf_narg(args))(args)

/* int BPF_USDT(name, T1 a, T2 b) { … }: the arguments as parameters, `ctx` beside them. */
#define BPF_USDT(name, args...)                                               \
	name(struct pt_regs *ctx);                                            \
	static __always_inline typeof(name(0)) ____##name(struct pt_regs *ctx, ##args); \
	typeof(name(0)) name(struct pt_regs *ctx)                             \
	{                                                                     \
		_Pragma("GCC diagnostic push")                                \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"")        \
		return ____##name(___bpf_usdt_args(args));                    \
		_Pragma("GCC diagnostic pop")                                 \
	}                                                                     \
	static __always_inline typeof(name(0)) ____##name(struct pt_regs *ctx, ##args)
