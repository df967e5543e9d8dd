/*
 * Maps in one line. K, V and T are types, n a number of entries, bytes a power of two that
 * is a multiple of the page size.
 *
 * The map types are numbers, so that the macros work where the kernel's BTF lacks their
 * names. A ring buffer and a perf buffer have no value type (libbpf refuses one): the pointer
 * __ebl_record_NAME carries the type of their records to the reader, in a section that libbpf
 * skips.
 */
#pragma once

#define __ebl_map(name, number, ...)                                               \
	struct {                                                                   \
		int (*type)[number];                                               \
		__VA_ARGS__                                                        \
	} name __attribute__((section(".maps"), used))

#define __ebl_table(name, number, K, V, n)                                         \
	__ebl_map(name, number, __typeof__(K) *key; __typeof__(V) *value;          \
		  int (*max_entries)[n];)

#define __ebl_record(name, T)                                                      \
	static __typeof__(T) *__ebl_record_##name                                  \
		__attribute__((section(".ebpf_lua.types"), used))

#ifndef RINGBUF
#define RINGBUF(name, T, bytes)                                                    \
	__ebl_map(name, 27, int (*max_entries)[bytes];);                           \
	__ebl_record(name, T)
#endif

/* Written by user space, read by bpf_user_ringbuf_drain(). */
#ifndef USER_RINGBUF
#define USER_RINGBUF(name, T, bytes)                                               \
	__ebl_map(name, 31, int (*max_entries)[bytes];);                           \
	__ebl_record(name, T)
#endif

#ifndef PERFBUF
#define PERFBUF(name, T)                                                           \
	__ebl_map(name, 4, int (*key_size)[4]; int (*value_size)[4];);             \
	__ebl_record(name, T)
#endif

#ifndef HASH
#define HASH(name, K, V, n) __ebl_table(name, 1, K, V, n)
#endif
#ifndef LRU_HASH
#define LRU_HASH(name, K, V, n) __ebl_table(name, 9, K, V, n)
#endif
#ifndef PERCPU_HASH
#define PERCPU_HASH(name, K, V, n) __ebl_table(name, 5, K, V, n)
#endif
#ifndef ARRAY
#define ARRAY(name, V, n) __ebl_table(name, 2, unsigned int, V, n)
#endif
#ifndef PERCPU_ARRAY
#define PERCPU_ARRAY(name, V, n) __ebl_table(name, 6, unsigned int, V, n)
#endif

/* 127 frames is what the kernel keeps at most. */
#ifndef STACKS
#define STACKS(name, n)                                                            \
	__ebl_map(name, 7, int (*key_size)[4];                                     \
		  int (*value_size)[127 * 8]; int (*max_entries)[n];)
#endif

#ifndef PROGS
#define PROGS(name, n)                                                             \
	__ebl_map(name, 3, int (*key_size)[4]; int (*value_size)[4];               \
		  int (*max_entries)[n];)
#endif

#ifndef QUEUE
#define QUEUE(name, V, n)                                                          \
	__ebl_map(name, 22, __typeof__(V) *value; int (*max_entries)[n];)
#endif
#ifndef STACK
#define STACK(name, V, n)                                                          \
	__ebl_map(name, 23, __typeof__(V) *value; int (*max_entries)[n];)
#endif

/*
 * Memory of so many pages that programs and user space share (Linux 6.9). A pointer into it
 * is `T __arena *`; user space follows it as it is.
 */
#ifndef __arena
#define __arena __attribute__((address_space(1)))
#endif
#ifndef ARENA
#define ARENA(name, pages)                                                         \
	__ebl_map(name, 33, int (*map_flags)[1024]; int (*max_entries)[pages];)

extern void __arena *bpf_arena_alloc_pages(void *map, void __arena *at,
					   unsigned int pages, int node,
					   unsigned long long flags) __weak __ksym;
extern void bpf_arena_free_pages(void *map, void __arena *at,
				 unsigned int pages) __weak __ksym;
#endif

/* The kernel wants BPF_F_NO_PREALLOC (1) for a trie. */
#ifndef LPM
#define LPM(name, K, V, n)                                                         \
	__ebl_map(name, 11, __typeof__(K) *key; __typeof__(V) *value;              \
		  int (*map_flags)[1]; int (*max_entries)[n];)
#endif
