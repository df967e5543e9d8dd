/* count() and stacks(): one counter for each key. struct quick_key and QUICK_FILL(key) come
 * first. */
HASH(quick_counts, struct quick_key, __u64, QUICK_ENTRIES);

#define QUICK_ACTION()                                                             \
	do {                                                                       \
		struct quick_key key;                                              \
		__builtin_memset(&key, 0, sizeof(key));                            \
		QUICK_FILL(key)                                                    \
		count_add(&quick_counts, &key, 1);                                 \
	} while (0)
