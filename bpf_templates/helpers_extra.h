/* What later libbpf versions add to bpf_helpers.h, for an installed one that lacks it. */
#pragma once

#ifndef bpf_ksym_exists
#define bpf_ksym_exists(symbol)                                                    \
	({                                                                         \
		_Static_assert(!__builtin_constant_p(!!(symbol)),                  \
			       #symbol " must be declared __weak __ksym");         \
		!!(symbol);                                                        \
	})
#endif

/* What a global function's argument may be, for the verifier. */
#ifndef __arg_ctx
#define __arg_ctx __attribute__((btf_decl_tag("arg:ctx")))
#endif
#ifndef __arg_nonnull
#define __arg_nonnull __attribute__((btf_decl_tag("arg:nonnull")))
#endif
#ifndef __arg_nullable
#define __arg_nullable __attribute__((btf_decl_tag("arg:nullable")))
#endif
#ifndef __arg_trusted
#define __arg_trusted __attribute__((btf_decl_tag("arg:trusted")))
#endif
#ifndef __arg_untrusted
#define __arg_untrusted __attribute__((btf_decl_tag("arg:untrusted")))
#endif
#ifndef __arg_arena
#define __arg_arena __attribute__((btf_decl_tag("arg:arena")))
#endif

#ifndef __kptr_untrusted
#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))
#endif
#ifndef __percpu_kptr
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))
#endif
#ifndef __uptr
#define __uptr __attribute__((btf_type_tag("uptr")))
#endif
#ifndef __contains
#define __contains(name, node)                                                     \
	__attribute__((btf_decl_tag("contains:" #name ":" #node)))
#endif
#ifndef __ulong
#define __ulong(name, value)                                                       \
	enum { ___bpf_concat(__ebl_value_, __COUNTER__) = value } name
#endif

/*
 * Kernel functions by name: the compiler finds them in BTF where it tags them, which Debian's
 * 6.12 does not.
 */
struct bpf_iter_num;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __weak __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __weak __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __weak __ksym;
extern void *bpf_rdonly_cast(const void *object, __u32 type) __weak __ksym;

/*
 * Loops over the kernel's iterators, whose functions the compiler finds in BTF. `break` and
 * `return` leave the loop in good order: the iterator is destroyed with its scope.
 */
#ifndef bpf_for_each
#define bpf_for_each(kind, item, args...)                                          \
	for (struct bpf_iter_##kind __ebl_iter __attribute__((                     \
		     aligned(8), cleanup(bpf_iter_##kind##_destroy))),             \
	     *__ebl_made __attribute__((unused)) =                                 \
		     (bpf_iter_##kind##_new(&__ebl_iter, ##args),                  \
		      (void)bpf_iter_##kind##_destroy, (void *)0);                 \
	     (((item) = bpf_iter_##kind##_next(&__ebl_iter)));)
#endif

#ifndef bpf_for
#define bpf_for(i, first, end)                                                     \
	for (struct bpf_iter_num __ebl_iter                                        \
		     __attribute__((aligned(8), cleanup(bpf_iter_num_destroy))),   \
	     *__ebl_made __attribute__((unused)) =                                 \
		     (bpf_iter_num_new(&__ebl_iter, (first), (end)),               \
		      (void)bpf_iter_num_destroy, (void *)0);                      \
	     ({                                                                    \
		     int *__ebl_at = bpf_iter_num_next(&__ebl_iter);               \
		     __ebl_at && ((i) = *__ebl_at, (i) >= (first)) && (i) < (end); \
	     });)
#endif

#ifndef bpf_repeat
#define bpf_repeat(n)                                                              \
	for (struct bpf_iter_num __ebl_iter                                        \
		     __attribute__((aligned(8), cleanup(bpf_iter_num_destroy))),   \
	     *__ebl_made __attribute__((unused)) =                                 \
		     (bpf_iter_num_new(&__ebl_iter, 0, (n)),                       \
		      (void)bpf_iter_num_destroy, (void *)0);                      \
	     bpf_iter_num_next(&__ebl_iter);)
#endif
