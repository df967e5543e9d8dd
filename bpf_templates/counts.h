/*
 * Counting in maps: what histograms, the counts of quick probes and the tools stand on.
 */
#pragma once

#include <ebl/ebpf_lua.h>

/* The value of a key, which begins as `first`; NULL where the map is full. */
static __always_inline void *lookup_or_add(void *map, const void *key, const void *first)
{
	void *value = bpf_map_lookup_elem(map, key);

	if (!value) {
		bpf_map_update_elem(map, key, first, BPF_NOEXIST);
		value = bpf_map_lookup_elem(map, key);
	}
	return value;
}

/* Adds to the u64 of a key, which begins at zero. */
static __always_inline void count_add(void *map, const void *key, __u64 amount)
{
	__u64 zero = 0, *count = lookup_or_add(map, key, &zero);

	if (count)
		__sync_fetch_and_add(count, amount);
}

/* The number of bits of a value: slot n holds 2^(n-1) to 2^n - 1, slot 1 also 0. */
static __always_inline __u32 log2_slot(__u64 value)
{
	__u32 slot = 1;

	for (int width = 32; width > 0; width /= 2)
		if (value >> width) {
			value >>= width;
			slot += width;
		}
	return slot;
}

/* The key of a map of histograms: of a process, a thread, or 0 for the only one. */
struct hist_key {
	__u32 id;
	__u32 slot;
};

static __always_inline void hist_add(void *map, __u32 id, __u64 value)
{
	struct hist_key key = { id, log2_slot(value) };

	count_add(map, &key, 1);
}
