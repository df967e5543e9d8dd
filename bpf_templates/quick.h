/*
 * What the C of quick probes (trace, count, hist…) stands on. Each verb has a header of its
 * own, quick_VERB.h; the text that Lua renders declares the columns, includes that header and
 * gives each probe a program.
 */
#pragma once

#include <ebl/counts.h>

/* Pointers of the kernel and of processes are followed by helpers, without writing it. */
#define EBL_FOLLOW_POINTERS

/* An array decays in a comma expression; nothing else changes its type there. */
#define quick_is_array(x)                                                          \
	(!__builtin_types_compatible_p(__typeof__(x), __typeof__((0, (x)))))

/* The type of a column. */
#define quick_type(x) __typeof_unqual__(x)

/* Stores a value of any scalar or array type. */
#define quick_store(to, x)                                                         \
	__builtin_choose_expr(                                                     \
		quick_is_array(x),                                                 \
		quick_copy(&(to), sizeof(to), (const void *)(long)(x)),            \
		(void)(*(__typeof__((0, (to))) *)&(to) = (__typeof__((0, (to))))(x)))

static __always_inline void quick_copy(void *to, unsigned int size, const void *from)
{
	if (bpf_probe_read_kernel(to, size, from))
		__builtin_memset(to, 0, size);
}

/* The function that a kprobe sits on. Kernels before 5.15 have no helper that tells it. */
enum bpf_func_id___quick { BPF_FUNC_get_func_ip___quick = 173 };
#if defined(__TARGET_ARCH_x86)
#define QUICK_TRAP_SIZE 1 /* the instruction pointer is behind the breakpoint */
#else
#define QUICK_TRAP_SIZE 0
#endif
#define quick_function(ctx)                                                        \
	(bpf_core_enum_value_exists(enum bpf_func_id___quick,                      \
				    BPF_FUNC_get_func_ip___quick)                  \
		 ? bpf_get_func_ip(ctx)                                            \
		 : PT_REGS_IP(ctx) - QUICK_TRAP_SIZE)

/* The integer argument `n`, from 0, of a function of a program, at its entry. Those that
 * find no register are on the stack.
 */
static __always_inline __u64 quick_argument(struct pt_regs *ctx, int n)
{
	__u64 value = 0;
	long stack = PT_REGS_SP(ctx);

	switch (n) {
	case 0:
		return PT_REGS_PARM1(ctx);
	case 1:
		return PT_REGS_PARM2(ctx);
	case 2:
		return PT_REGS_PARM3(ctx);
	case 3:
		return PT_REGS_PARM4(ctx);
	case 4:
		return PT_REGS_PARM5(ctx);
	}
#if defined(__TARGET_ARCH_x86)
	if (n == 5)
		return ctx->r9;
	stack += 8 * (n - 6 + 1); /* the return address is below them */
#elif defined(__TARGET_ARCH_arm64)
	if (n < 8)
		return ((const struct user_pt_regs *)ctx)->regs[n];
	stack += 8 * (n - 8);
#endif
	bpf_probe_read_user(&value, sizeof(value), (const void *)stack);
	return value;
}

/*
 * Which of several probes it is, where the kernel takes no cookies: each has an entry program
 * that leaves its number here for the one that it calls. Nothing comes between the two: the
 * kernel lets no second tracing program begin on a CPU that is in one.
 */
#ifdef QUICK_APART
PERCPU_ARRAY(quick_numbers, u32, 1);

static __always_inline void quick_set_number(u32 number)
{
	u32 key = 0;
	u32 *place = bpf_map_lookup_elem(&quick_numbers, &key);

	if (place)
		*place = number;
}

static __always_inline u32 quick_number(void)
{
	u32 key = 0;
	u32 *place = bpf_map_lookup_elem(&quick_numbers, &key);

	return place ? *place : 0;
}
#endif

/* comm == "text": `a` is a char array. */
#define quick_equal(a, text)                                                       \
	({                                                                         \
		char quick_a[sizeof(a)];                                           \
		quick_store(quick_a, a);                                           \
		quick_same(quick_a, sizeof(quick_a), text, sizeof(text));          \
	})

/* str(p) == "text" */
#define quick_equal_at(p, text)                                                    \
	({                                                                         \
		char quick_a[sizeof(text) + 1] = {};                               \
		bpf_probe_read_str(quick_a, sizeof(quick_a), (const void *)(p));   \
		quick_same(quick_a, sizeof(quick_a), text, sizeof(text));          \
	})

static __always_inline int quick_same(const char *a, unsigned int size, const char *text,
				      unsigned int length)
{
	if (length > size)
		return 0;
	for (unsigned int i = 0; i < length; i++)
		if (a[i] != text[i])
			return 0;
	return 1;
}

/* Of each string at most so much: the verifier knows then that it fits. */
#define QUICK_WORD 64

/* join(argv): the strings of a NULL-terminated array, a space between them. */
static __always_inline void quick_join(char *to, unsigned int size,
				       const char *const *argv)
{
	unsigned int at = 0;

	for (int i = 0; i < 16; i++) {
		const char *word = 0;
		long length;

		if (bpf_probe_read_user(&word, sizeof(word), &argv[i]) || !word)
			break;
		/* Right before it is used: older kernels forget the bounds of what they
		 * keep on the stack.
		 */
		barrier_var(at);
		if (at > size - QUICK_WORD - 2)
			break;
		if (i)
			to[at++] = ' ';
		length = bpf_probe_read_user_str(to + at, QUICK_WORD, word);
		if (length <= 0 || length > QUICK_WORD)
			break;
		at += length - 1;
	}
}
