/*
 * latency(): the time from an entry to its return on the same thread (or by QUICK_PAIR), as a
 * log2 histogram in units of QUICK_UNIT_NS. struct quick_key with a last member `slot` and
 * QUICK_FILL(key) come first.
 */
HASH(quick_starts, __u64, __u64, QUICK_ENTRIES);
HASH(quick_counts, struct quick_key, __u64, QUICK_ENTRIES);

#ifndef QUICK_PAIR
#define QUICK_PAIR bpf_get_current_pid_tgid()
#endif

#define QUICK_START()                                                              \
	do {                                                                       \
		__u64 pair = QUICK_PAIR, now = bpf_ktime_get_ns();                 \
		bpf_map_update_elem(&quick_starts, &pair, &now, BPF_ANY);          \
	} while (0)

#define QUICK_ACTION()                                                             \
	do {                                                                       \
		struct quick_key key;                                              \
		__u64 pair = QUICK_PAIR, now = bpf_ktime_get_ns();                 \
		__u64 *start = bpf_map_lookup_elem(&quick_starts, &pair);          \
		if (!start)                                                        \
			break;                                                     \
		now -= *start;                                                     \
		bpf_map_delete_elem(&quick_starts, &pair);                         \
		__builtin_memset(&key, 0, sizeof(key));                            \
		QUICK_FILL(key)                                                    \
		key.slot = log2_slot(now / QUICK_UNIT_NS);                        \
		count_add(&quick_counts, &key, 1);                                 \
	} while (0)
