/*
 * The map macros of BCC C, and the methods of its maps.
 *
 * A map is two things here: a variable __ebl_map_NAME in .maps, whose symbol is NAME, and for C
 * a constant NAME whose members point to inline functions. The compiler calls those directly
 * and says what C cannot (compile/clang/bcc_map_calls.h); a tag tells the loader what is neither
 * type nor size. Members that begin with __ebl_ are not for texts.
 */
#pragma once

#ifndef CUR_CPU_IDENTIFIER
#define CUR_CPU_IDENTIFIER BPF_F_CURRENT_CPU
#endif

#define __ebl_inline static inline __attribute__((always_inline, unused))

/* The macro for as many arguments as there are. */
#define __ebl_pick(_1, _2, _3, _4, _5, _6, _7, macro, ...) macro

#define __ebl_is(text, wanted) (__builtin_strcmp(text, wanted) == 0)
#define __ebl_begins(text, wanted)                                                 \
	(__builtin_strncmp(text, wanted, sizeof(wanted) - 1) == 0)

/* The kernel's number of a type of BPF_TABLE; what is extern tells it when loaded. */
#define __ebl_map_type(type, K)                                                    \
	(__ebl_is(type, "hash")                    ? 1                             \
	 : __ebl_is(type, "extern")                ? 1                             \
	 : __ebl_is(type, "array")                 ? 2                             \
	 : __ebl_is(type, "histogram")                                             \
		 ? (__builtin_types_compatible_p(__typeof__(K), int) ? 2 : 1)      \
	 : __ebl_is(type, "prog")                  ? 3                             \
	 : __ebl_is(type, "perf_output")           ? 4                             \
	 : __ebl_is(type, "perf_array")            ? 4                             \
	 : __ebl_is(type, "percpu_hash")           ? 5                             \
	 : __ebl_is(type, "percpu_array")          ? 6                             \
	 : __ebl_is(type, "stacktrace")            ? 7                             \
	 : __ebl_is(type, "cgroup_array")          ? 8                             \
	 : __ebl_is(type, "lru_hash")              ? 9                             \
	 : __ebl_is(type, "lru_percpu_hash")       ? 10                            \
	 : __ebl_is(type, "lpm_trie")              ? 11                            \
	 : __ebl_begins(type, "array_of_maps$")    ? 12                            \
	 : __ebl_begins(type, "hash_of_maps$")     ? 13                            \
	 : __ebl_is(type, "devmap")                ? 14                            \
	 : __ebl_is(type, "sockmap")               ? 15                            \
	 : __ebl_is(type, "cpumap")                ? 16                            \
	 : __ebl_is(type, "xskmap")                ? 17                            \
	 : __ebl_is(type, "sockhash")              ? 18                            \
	 : __ebl_is(type, "cgroup_storage")        ? 19                            \
	 : __ebl_is(type, "percpu_cgroup_storage") ? 21                            \
	 : __ebl_is(type, "queue")                 ? 22                            \
	 : __ebl_is(type, "stack")                 ? 23                            \
	 : __ebl_is(type, "sk_storage")            ? 24                            \
	 : __ebl_is(type, "ringbuf")               ? 27                            \
	 : __ebl_is(type, "inode_storage")         ? 28                            \
	 : __ebl_is(type, "task_storage")          ? 29                            \
						   : 0)

/* BPF_F_NO_PREALLOC, where the kernel insists on it. */
#define __ebl_forced_flags(number)                                                 \
	((number) == 11 || (number) == 24 || (number) == 28 || (number) == 29)

/* The variable in .maps, what it is called in C, and the type of that. */
#define __ebl_bcc_map(name, number, tag, ...)                                      \
	enum { __ebl_type_##name = (number) };                                     \
	struct {                                                                   \
		int (*type)[__ebl_type_##name];                                    \
		__VA_ARGS__                                                        \
	} __ebl_map_##name __asm__(#name)                                          \
		__attribute__((section(".maps"), used, btf_decl_tag("ebl:" tag)))

#define __ebl_bcc_methods(name, ...)                                               \
	static const struct __ebl_table_##name {                                   \
		char (*__ebl_type)[__ebl_type_##name];                             \
		__VA_ARGS__                                                        \
	} name __asm__("__ebl_table_" #name)

/* Maps with keys and values. */

#define __ebl_bcc_table(T, K, V, name, N, flags, tag)                              \
	__ebl_bcc_map(name, __ebl_map_type(T, K), T tag, __typeof__(K) *key;       \
		      __typeof__(V) *value; int (*max_entries)[N];                 \
		      int (*map_flags)[(flags) | __ebl_forced_flags(               \
					       __ebl_map_type(T, K))];);           \
	typedef __typeof__(K) __ebl_key_##name;                                    \
	typedef __typeof__(V) __ebl_value_##name;                                  \
	/* What can be added; the compiler refuses it where values are no numbers. */ \
	typedef __typeof__(*__builtin_choose_expr(                                 \
		__builtin_classify_type(*(__ebl_value_##name *)0) < 5,             \
		(__ebl_value_##name *)0, (unsigned long long *)0)) __ebl_number_##name; \
	__ebl_inline __ebl_value_##name *__ebl_lookup_##name(                      \
		const __ebl_key_##name *key)                                       \
	{                                                                          \
		return bpf_map_lookup_elem(&__ebl_map_##name, key);                \
	}                                                                          \
	__ebl_inline __ebl_value_##name *__ebl_lookup_or_try_init_##name(          \
		const __ebl_key_##name *key, const __ebl_value_##name *initial)    \
	{                                                                          \
		__ebl_value_##name *value = bpf_map_lookup_elem(&__ebl_map_##name, key); \
                                                                                   \
		if (value)                                                         \
			return value;                                              \
		bpf_map_update_elem(&__ebl_map_##name, key, initial, 1);           \
		return bpf_map_lookup_elem(&__ebl_map_##name, key);                \
	}                                                                          \
	__ebl_inline int __ebl_update_##name(const __ebl_key_##name *key,          \
					     const __ebl_value_##name *value)      \
	{                                                                          \
		return bpf_map_update_elem(&__ebl_map_##name, key, value, 0);      \
	}                                                                          \
	__ebl_inline int __ebl_insert_##name(const __ebl_key_##name *key,          \
					     const __ebl_value_##name *value)      \
	{                                                                          \
		return bpf_map_update_elem(&__ebl_map_##name, key, value, 1);      \
	}                                                                          \
	__ebl_inline int __ebl_delete_##name(const __ebl_key_##name *key)          \
	{                                                                          \
		return bpf_map_delete_elem(&__ebl_map_##name, key);                \
	}                                                                          \
	__ebl_inline void __ebl_increment_##name(__ebl_key_##name key,             \
						 __ebl_number_##name n)            \
	{                                                                          \
		__ebl_number_##name first = n, *value =                            \
			bpf_map_lookup_elem(&__ebl_map_##name, &key);              \
                                                                                   \
		if (!value) {                                                      \
			if (__ebl_type_##name == 2 || __ebl_type_##name == 6)      \
				return;                                            \
			if (!(int)bpf_map_update_elem(&__ebl_map_##name, &key,     \
						      &first, 1))                  \
				return;                                            \
			/* Another was faster. */                                  \
			value = bpf_map_lookup_elem(&__ebl_map_##name, &key);      \
		}                                                                  \
		if (value)                                                         \
			*value += n;                                               \
	}                                                                          \
	__ebl_inline void __ebl_atomic_increment_##name(__ebl_key_##name key,      \
							__ebl_number_##name n)     \
	{                                                                          \
		__ebl_number_##name first = n, *value =                            \
			bpf_map_lookup_elem(&__ebl_map_##name, &key);              \
                                                                                   \
		if (!value) {                                                      \
			if (__ebl_type_##name == 2 || __ebl_type_##name == 6)      \
				return;                                            \
			if (!(int)bpf_map_update_elem(&__ebl_map_##name, &key,     \
						      &first, 1))                  \
				return;                                            \
			/* Another was faster. */                                  \
			value = bpf_map_lookup_elem(&__ebl_map_##name, &key);      \
		}                                                                  \
		if (value)                                                         \
			__sync_fetch_and_add(value, n);                            \
	}                                                                          \
	typedef int __ebl_table_of_##name

#define __ebl_table_members(name)                                                  \
	__ebl_value_##name *(*lookup)(const __ebl_key_##name *);                   \
	__ebl_value_##name *(*lookup_or_try_init)(const __ebl_key_##name *,        \
						  const __ebl_value_##name *);     \
	__ebl_value_##name *(*lookup_or_init)(const __ebl_key_##name *,            \
					      const __ebl_value_##name *);         \
	int (*update)(const __ebl_key_##name *, const __ebl_value_##name *);       \
	int (*insert)(const __ebl_key_##name *, const __ebl_value_##name *);       \
	int (*delete)(const __ebl_key_##name *);                                   \
	void (*increment)(__ebl_key_##name, ...);                                  \
	void (*atomic_increment)(__ebl_key_##name, ...);                           \
	void (*__ebl_increment)(__ebl_key_##name, __ebl_number_##name);            \
	void (*__ebl_atomic_increment)(__ebl_key_##name, __ebl_number_##name);

#define __ebl_table_functions(name)                                                \
	.lookup = __ebl_lookup_##name,                                             \
	.lookup_or_try_init = __ebl_lookup_or_try_init_##name,                     \
	.lookup_or_init = __ebl_lookup_or_try_init_##name,                         \
	.update = __ebl_update_##name, .insert = __ebl_insert_##name,              \
	.delete = __ebl_delete_##name, .__ebl_increment = __ebl_increment_##name,  \
	.__ebl_atomic_increment = __ebl_atomic_increment_##name

/* What the other types of map have. */
#define __ebl_bcc_special(name)                                                    \
	__ebl_inline __u64 __ebl_perf_read_##name(int index)                       \
	{                                                                          \
		return bpf_perf_event_read(&__ebl_map_##name, index);              \
	}                                                                          \
	__ebl_inline int __ebl_perf_counter_value_##name(int index, void *value,   \
							 __u32 size)               \
	{                                                                          \
		return bpf_perf_event_read_value(&__ebl_map_##name, index, value, size); \
	}                                                                          \
	__ebl_inline int __ebl_check_current_task_##name(int index)                \
	{                                                                          \
		return bpf_current_task_under_cgroup(&__ebl_map_##name, index);    \
	}                                                                          \
	__ebl_inline int __ebl_get_stackid_##name(void *ctx, __u64 flags)          \
	{                                                                          \
		return bpf_get_stackid(ctx, &__ebl_map_##name, flags);             \
	}                                                                          \
	__ebl_inline void __ebl_call_##name(void *ctx, int index)                  \
	{                                                                          \
		bpf_tail_call(ctx, &__ebl_map_##name, index);                      \
	}                                                                          \
	__ebl_inline int __ebl_redirect_map_##name(int index, __u64 flags)         \
	{                                                                          \
		return bpf_redirect_map(&__ebl_map_##name, index, flags);          \
	}                                                                          \
	typedef int __ebl_special_of_##name

#define __ebl_special_members(name)                                                \
	__u64 (*perf_read)(int);                                                   \
	int (*perf_counter_value)(int, void *, __u32);                             \
	int (*check_current_task)(int);                                            \
	int (*get_stackid)(void *, __u64);                                         \
	void (*call)(void *, int);                                                 \
	int (*redirect_map)(int, __u64);

#define __ebl_special_functions(name)                                              \
	.perf_read = __ebl_perf_read_##name,                                       \
	.perf_counter_value = __ebl_perf_counter_value_##name,                     \
	.check_current_task = __ebl_check_current_task_##name,                     \
	.get_stackid = __ebl_get_stackid_##name, .call = __ebl_call_##name,        \
	.redirect_map = __ebl_redirect_map_##name

/* A table whose type is given as text has the methods of all types. */
#define __ebl_any_table(T, K, V, name, N, flags, tag)                              \
	__ebl_bcc_table(T, K, V, name, N, flags, tag);                             \
	__ebl_bcc_special(name);                                                   \
	__ebl_bcc_methods(name, __ebl_table_members(name) __ebl_special_members(name)) = { \
		__ebl_table_functions(name), __ebl_special_functions(name) };

#define __ebl_plain_table(T, K, V, name, N, flags)                                 \
	__ebl_bcc_table(T, K, V, name, N, flags, "");                              \
	__ebl_bcc_methods(name, __ebl_table_members(name)) = {                     \
		__ebl_table_functions(name) };

#define BPF_F_TABLE(type, K, V, name, N, flags)                                    \
	__ebl_any_table(type, K, V, name, N, flags, "")
#define BPF_TABLE(type, K, V, name, N) BPF_F_TABLE(type, K, V, name, N, 0)

#define __ebl_pinned7(type, K, V, name, N, path, flags)                            \
	__ebl_any_table(type, K, V, name, N, flags, ";pin=" path)
#define __ebl_pinned6(type, K, V, name, N, path)                                   \
	__ebl_pinned7(type, K, V, name, N, path, 0)
#define BPF_TABLE_PINNED(...)                                                      \
	__ebl_pick(__VA_ARGS__, __ebl_pinned7, __ebl_pinned6, , , , , )(__VA_ARGS__)

/* BPF_TABLE("extern", ...) of another object finds both. */
#define BPF_TABLE_PUBLIC(type, K, V, name, N)                                      \
	__ebl_any_table(type, K, V, name, N, 0, ";public")
#define __ebl_shared6(type, K, V, name, N, flags)                                  \
	__ebl_any_table(type, K, V, name, N, flags, ";shared")
#define __ebl_shared5(type, K, V, name, N) __ebl_shared6(type, K, V, name, N, 0)
#define BPF_TABLE_SHARED(...)                                                      \
	__ebl_pick(__VA_ARGS__, , __ebl_shared6, __ebl_shared5, , , , )(__VA_ARGS__)

#define __ebl_hash4(name, K, V, N) __ebl_plain_table("hash", K, V, name, N, 0)
#define __ebl_hash3(name, K, V) __ebl_hash4(name, K, V, 10240)
#define __ebl_hash2(name, K) __ebl_hash3(name, K, __u64)
#define __ebl_hash1(name) __ebl_hash2(name, __u64)
#define BPF_HASH(...)                                                              \
	__ebl_pick(__VA_ARGS__, , , , __ebl_hash4, __ebl_hash3, __ebl_hash2,       \
		   __ebl_hash1)(__VA_ARGS__)

#define __ebl_percpu_hash4(name, K, V, N)                                          \
	__ebl_plain_table("percpu_hash", K, V, name, N, 0)
#define __ebl_percpu_hash3(name, K, V) __ebl_percpu_hash4(name, K, V, 10240)
#define __ebl_percpu_hash2(name, K) __ebl_percpu_hash3(name, K, __u64)
#define __ebl_percpu_hash1(name) __ebl_percpu_hash2(name, __u64)
#define BPF_PERCPU_HASH(...)                                                       \
	__ebl_pick(__VA_ARGS__, , , , __ebl_percpu_hash4, __ebl_percpu_hash3,      \
		   __ebl_percpu_hash2, __ebl_percpu_hash1)(__VA_ARGS__)

#define __ebl_lpm4(name, K, V, N) __ebl_plain_table("lpm_trie", K, V, name, N, 0)
#define __ebl_lpm3(name, K, V) __ebl_lpm4(name, K, V, 10240)
#define __ebl_lpm2(name, K) __ebl_lpm3(name, K, __u64)
#define __ebl_lpm1(name) __ebl_lpm2(name, __u64)
#define BPF_LPM_TRIE(...)                                                          \
	__ebl_pick(__VA_ARGS__, , , , __ebl_lpm4, __ebl_lpm3, __ebl_lpm2,          \
		   __ebl_lpm1)(__VA_ARGS__)

#define __ebl_array3(name, V, N) __ebl_plain_table("array", int, V, name, N, 0)
#define __ebl_array2(name, V) __ebl_array3(name, V, 10240)
#define __ebl_array1(name) __ebl_array2(name, __u64)
#define BPF_ARRAY(...)                                                             \
	__ebl_pick(__VA_ARGS__, , , , , __ebl_array3, __ebl_array2,                \
		   __ebl_array1)(__VA_ARGS__)

#define __ebl_percpu_array3(name, V, N)                                            \
	__ebl_plain_table("percpu_array", int, V, name, N, 0)
#define __ebl_percpu_array2(name, V) __ebl_percpu_array3(name, V, 10240)
#define __ebl_percpu_array1(name) __ebl_percpu_array2(name, __u64)
#define BPF_PERCPU_ARRAY(...)                                                      \
	__ebl_pick(__VA_ARGS__, , , , , __ebl_percpu_array3, __ebl_percpu_array2,  \
		   __ebl_percpu_array1)(__VA_ARGS__)

/* An array where the key is an int, else a hash. */
#define __ebl_histogram3(name, K, N)                                               \
	__ebl_plain_table("histogram", K, __u64, name, N, 0)
#define __ebl_histogram2(name, K) __ebl_histogram3(name, K, 64)
#define __ebl_histogram1(name) __ebl_histogram2(name, int)
#define BPF_HISTOGRAM(...)                                                         \
	__ebl_pick(__VA_ARGS__, , , , , __ebl_histogram3, __ebl_histogram2,        \
		   __ebl_histogram1)(__VA_ARGS__)

/* Stack traces: 127 frames is what the kernel keeps at most. */

struct bpf_stacktrace {
	__u64 ip[127];
};
struct bpf_stacktrace_buildid {
	struct bpf_stack_build_id trace[127];
};

#define __ebl_power_of_two(N) ((N) <= 1 ? 1 : 1 << (32 - __builtin_clz((N) - 1)))

#define BPF_STACK_TRACE(name, N)                                                   \
	BPF_TABLE("stacktrace", int, struct bpf_stacktrace, name, __ebl_power_of_two(N))
#define BPF_STACK_TRACE_BUILDID(name, N)                                           \
	BPF_F_TABLE("stacktrace", int, struct bpf_stacktrace_buildid, name,        \
		    __ebl_power_of_two(N), 1 << 5)

#define BPF_PROG_ARRAY(name, N) BPF_TABLE("prog", __u32, __u32, name, N)
#define BPF_PERF_ARRAY(name, N) BPF_TABLE("perf_array", int, __u32, name, N)
#define BPF_CGROUP_ARRAY(name, N) BPF_TABLE("cgroup_array", int, __u32, name, N)
#define BPF_DEVMAP(name, N) BPF_TABLE("devmap", int, int, name, N)
#define BPF_CPUMAP(name, N) BPF_TABLE("cpumap", int, __u32, name, N)
#define __ebl_xskmap3(name, N, path)                                               \
	BPF_TABLE_PINNED("xskmap", int, int, name, N, path)
#define __ebl_xskmap2(name, N) BPF_TABLE("xskmap", int, int, name, N)
#define BPF_XSKMAP(...)                                                            \
	__ebl_pick(__VA_ARGS__, , , , , __ebl_xskmap3, __ebl_xskmap2, )(__VA_ARGS__)

#define BPF_ARRAY_OF_MAPS(name, inner, N)                                          \
	BPF_TABLE("array_of_maps$" inner, int, int, name, N)
#define __ebl_hash_of_maps4(name, K, inner, N)                                     \
	BPF_TABLE("hash_of_maps$" inner, K, int, name, N)
#define __ebl_hash_of_maps3(name, K, inner) __ebl_hash_of_maps4(name, K, inner, 10240)
#define __ebl_hash_of_maps2(name, inner) __ebl_hash_of_maps4(name, int, inner, 10240)
#define BPF_HASH_OF_MAPS(...)                                                      \
	__ebl_pick(__VA_ARGS__, , , , __ebl_hash_of_maps4, __ebl_hash_of_maps3,    \
		   __ebl_hash_of_maps2, )(__VA_ARGS__)

/* Events. The loader gives a perf buffer as many entries as there are processors. */

#define BPF_PERF_OUTPUT(name)                                                      \
	__ebl_bcc_map(name, 4, "perf_output", int (*key_size)[4];                  \
		      int (*value_size)[4];);                                      \
	__ebl_inline int __ebl_perf_submit_##name(void *ctx, void *data, __u64 size) \
	{                                                                          \
		return bpf_perf_event_output(ctx, &__ebl_map_##name, CUR_CPU_IDENTIFIER, \
					     data, size);                          \
	}                                                                          \
	__ebl_inline int __ebl_perf_submit_skb_##name(void *skb, __u32 packet_size, \
						      void *data, __u64 size)      \
	{                                                                          \
		return bpf_perf_event_output(skb, &__ebl_map_##name,               \
					     (__u64)packet_size << 32 |            \
						     CUR_CPU_IDENTIFIER,           \
					     data, size);                          \
	}                                                                          \
	__ebl_bcc_methods(name, int (*perf_submit)(void *, void *, __u64);         \
			  int (*perf_submit_skb)(void *, __u32, void *, __u64);) = { \
		.perf_submit = __ebl_perf_submit_##name,                           \
		.perf_submit_skb = __ebl_perf_submit_skb_##name };

#define BPF_RINGBUF_OUTPUT(name, pages)                                            \
	__ebl_bcc_map(name, 27, "ringbuf", int (*max_entries)[(pages) * PAGE_SIZE];); \
	__ebl_inline int __ebl_ringbuf_output_##name(void *data, __u64 size, __u64 flags) \
	{                                                                          \
		return bpf_ringbuf_output(&__ebl_map_##name, data, size, flags);   \
	}                                                                          \
	__ebl_inline void *__ebl_ringbuf_reserve_##name(__u64 size)                \
	{                                                                          \
		return bpf_ringbuf_reserve(&__ebl_map_##name, size, 0);            \
	}                                                                          \
	__ebl_inline void __ebl_ringbuf_submit_##name(void *data, __u64 flags)     \
	{                                                                          \
		bpf_ringbuf_submit(data, flags);                                   \
	}                                                                          \
	__ebl_inline void __ebl_ringbuf_discard_##name(void *data, __u64 flags)    \
	{                                                                          \
		bpf_ringbuf_discard(data, flags);                                  \
	}                                                                          \
	__ebl_inline __u64 __ebl_ringbuf_query_##name(__u64 flags)                 \
	{                                                                          \
		return bpf_ringbuf_query(&__ebl_map_##name, flags);                \
	}                                                                          \
	__ebl_bcc_methods(name, int (*ringbuf_output)(void *, __u64, __u64);       \
			  void *(*ringbuf_reserve)(__u64);                         \
			  void (*ringbuf_submit)(void *, __u64);                   \
			  void (*ringbuf_discard)(void *, __u64);                  \
			  __u64 (*ringbuf_query)(__u64);) = {                      \
		.ringbuf_output = __ebl_ringbuf_output_##name,                     \
		.ringbuf_reserve = __ebl_ringbuf_reserve_##name,                   \
		.ringbuf_submit = __ebl_ringbuf_submit_##name,                     \
		.ringbuf_discard = __ebl_ringbuf_discard_##name,                   \
		.ringbuf_query = __ebl_ringbuf_query_##name };

/* Queues and stacks. */

#define __ebl_queuestack(T, name, V, N, flags, tag)                                \
	__ebl_bcc_map(name, __ebl_map_type(T, int), T tag, __typeof__(V) *value;   \
		      int (*max_entries)[N]; int (*map_flags)[flags];);            \
	typedef __typeof__(V) __ebl_value_##name;                                  \
	__ebl_inline int __ebl_push_##name(const __ebl_value_##name *value, __u64 how) \
	{                                                                          \
		return bpf_map_push_elem(&__ebl_map_##name, value, how);           \
	}                                                                          \
	__ebl_inline int __ebl_pop_##name(__ebl_value_##name *value)               \
	{                                                                          \
		return bpf_map_pop_elem(&__ebl_map_##name, value);                 \
	}                                                                          \
	__ebl_inline int __ebl_peek_##name(__ebl_value_##name *value)              \
	{                                                                          \
		return bpf_map_peek_elem(&__ebl_map_##name, value);                \
	}                                                                          \
	__ebl_bcc_methods(name, int (*push)(const __ebl_value_##name *, __u64);    \
			  int (*pop)(__ebl_value_##name *);                        \
			  int (*peek)(__ebl_value_##name *);) = {                  \
		.push = __ebl_push_##name, .pop = __ebl_pop_##name,                \
		.peek = __ebl_peek_##name };

#define BPF_QUEUESTACK(type, name, V, N, flags)                                    \
	__ebl_queuestack(type, name, V, N, flags, "")
#define BPF_QUEUESTACK_PINNED(type, name, V, N, flags, path)                       \
	__ebl_queuestack(type, name, V, N, flags, ";pin=" path)
#define BPF_QUEUESTACK_PUBLIC(type, name, V, N, flags)                             \
	__ebl_queuestack(type, name, V, N, flags, ";public")
#define BPF_QUEUESTACK_SHARED(type, name, V, N, flags)                             \
	__ebl_queuestack(type, name, V, N, flags, ";shared")
#define __ebl_queue4(name, V, N, flags) BPF_QUEUESTACK("queue", name, V, N, flags)
#define __ebl_queue3(name, V, N) __ebl_queue4(name, V, N, 0)
#define BPF_QUEUE(...)                                                             \
	__ebl_pick(__VA_ARGS__, , , , __ebl_queue4, __ebl_queue3, , )(__VA_ARGS__)
#define __ebl_stack4(name, V, N, flags) BPF_QUEUESTACK("stack", name, V, N, flags)
#define __ebl_stack3(name, V, N) __ebl_stack4(name, V, N, 0)
#define BPF_STACK(...)                                                             \
	__ebl_pick(__VA_ARGS__, , , , __ebl_stack4, __ebl_stack3, , )(__VA_ARGS__)

/* Sockets in maps. The update helper has the map's kind in its name. */

#define __ebl_sockets(T, name, K, N, kind)                                         \
	__ebl_bcc_map(name, __ebl_map_type(T, K), T, __typeof__(K) *key; int *value; \
		      int (*max_entries)[N];);                                     \
	typedef __typeof__(K) __ebl_key_##name;                                    \
	__ebl_inline int __ebl_update_##name(const __ebl_key_##name *key,          \
					     const int *value)                     \
	{                                                                          \
		return bpf_map_update_elem(&__ebl_map_##name, key, value, 0);      \
	}                                                                          \
	__ebl_inline int __ebl_delete_##name(const __ebl_key_##name *key)          \
	{                                                                          \
		return bpf_map_delete_elem(&__ebl_map_##name, key);                \
	}                                                                          \
	__ebl_inline int __ebl_sock_update_##name(void *ctx, void *key, __u64 flags) \
	{                                                                          \
		return bpf_sock_##kind##_update(ctx, &__ebl_map_##name, key, flags); \
	}                                                                          \
	typedef int __ebl_sockets_of_##name

#define __ebl_socket_members(name, kind)                                           \
	int (*update)(const __ebl_key_##name *, const int *);                      \
	int (*delete)(const __ebl_key_##name *);                                   \
	int (*sock_##kind##_update)(void *, void *, __u64);

#define __ebl_socket_functions(name, kind)                                         \
	.update = __ebl_update_##name, .delete = __ebl_delete_##name,              \
	.sock_##kind##_update = __ebl_sock_update_##name

#define BPF_SOCKMAP(name, N)                                                       \
	__ebl_sockets("sockmap", name, __u32, N, map);                             \
	__ebl_bcc_methods(name, __ebl_socket_members(name, map)) = {               \
		__ebl_socket_functions(name, map) };

#define __ebl_sockhash3(name, K, N)                                                \
	__ebl_sockets("sockhash", name, K, N, hash);                               \
	__ebl_inline int __ebl_msg_redirect_##name(void *message, void *key, __u64 flags) \
	{                                                                          \
		return bpf_msg_redirect_hash(message, &__ebl_map_##name, key, flags); \
	}                                                                          \
	__ebl_inline int __ebl_sk_redirect_##name(void *skb, void *key, __u64 flags) \
	{                                                                          \
		return bpf_sk_redirect_hash(skb, &__ebl_map_##name, key, flags);   \
	}                                                                          \
	__ebl_bcc_methods(name, __ebl_socket_members(name, hash)                   \
			  int (*msg_redirect_hash)(void *, void *, __u64);         \
			  int (*sk_redirect_hash)(void *, void *, __u64);) = {     \
		__ebl_socket_functions(name, hash),                                \
		.msg_redirect_hash = __ebl_msg_redirect_##name,                    \
		.sk_redirect_hash = __ebl_sk_redirect_##name };
#define __ebl_sockhash2(name, K) __ebl_sockhash3(name, K, 10240)
#define __ebl_sockhash1(name) __ebl_sockhash2(name, __u32)
#define BPF_SOCKHASH(...)                                                          \
	__ebl_pick(__VA_ARGS__, , , , , __ebl_sockhash3, __ebl_sockhash2,          \
		   __ebl_sockhash1)(__VA_ARGS__)

/* Storage that belongs to a socket, an inode, a task or a cgroup. */

#define __ebl_storage(kind, name, V)                                               \
	__ebl_bcc_map(name, __ebl_map_type(#kind "_storage", int), #kind "_storage", \
		      int *key; __typeof__(V) *value; int (*map_flags)[1];);       \
	__ebl_inline __typeof__(V) *__ebl_get_##name(void *owner, void *initial,   \
						     __u64 flags)                  \
	{                                                                          \
		return bpf_##kind##_storage_get(&__ebl_map_##name, owner, initial, flags); \
	}                                                                          \
	__ebl_inline int __ebl_delete_##name(void *owner)                          \
	{                                                                          \
		return bpf_##kind##_storage_delete(&__ebl_map_##name, owner);      \
	}                                                                          \
	__ebl_bcc_methods(name,                                                    \
			  __typeof__(V) *(*kind##_storage_get)(void *, void *, __u64); \
			  int (*kind##_storage_delete)(void *);) = {               \
		.kind##_storage_get = __ebl_get_##name,                            \
		.kind##_storage_delete = __ebl_delete_##name };
#define BPF_SK_STORAGE(name, V) __ebl_storage(sk, name, V)
#define BPF_INODE_STORAGE(name, V) __ebl_storage(inode, name, V)
#define BPF_TASK_STORAGE(name, V) __ebl_storage(task, name, V)

#define __ebl_cgroup_storage(T, name, V)                                           \
	enum { __ebl_key_size_##name = sizeof(struct bpf_cgroup_storage_key) };    \
	__ebl_bcc_map(name, __ebl_map_type(T, int), T,                             \
		      struct bpf_cgroup_storage_key *key; __typeof__(V) *value;);  \
	__ebl_inline __typeof__(V) *__ebl_get_local_storage_##name(__u64 flags)    \
	{                                                                          \
		return bpf_get_local_storage(&__ebl_map_##name, flags);            \
	}                                                                          \
	__ebl_bcc_methods(name, __typeof__(V) *(*get_local_storage)(__u64);) = {   \
		.get_local_storage = __ebl_get_local_storage_##name };
#define BPF_CGROUP_STORAGE(name, V) __ebl_cgroup_storage("cgroup_storage", name, V)
#define BPF_PERCPU_CGROUP_STORAGE(name, V)                                         \
	__ebl_cgroup_storage("percpu_cgroup_storage", name, V)
