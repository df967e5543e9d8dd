/* stats(): number, sum, least and most of the values of each key, apart for each CPU.
 * struct quick_key, QUICK_FILL(key) and QUICK_VALUE come first. */
struct quick_stats {
	__u64 count;
	__s64 sum, min, max;
};

PERCPU_HASH(quick_counts, struct quick_key, struct quick_stats, QUICK_ENTRIES);

static __always_inline void quick_stats_add(const struct quick_key *key, __s64 value)
{
	struct quick_stats none = {}, *stats = lookup_or_add(&quick_counts, key, &none);

	if (!stats)
		return;
	if (!stats->count || value < stats->min)
		stats->min = value;
	if (!stats->count || value > stats->max)
		stats->max = value;
	stats->sum += value;
	stats->count++;
}

#define QUICK_ACTION()                                                             \
	do {                                                                       \
		struct quick_key key;                                              \
		__s64 value = (__s64)(QUICK_VALUE);                                \
		__builtin_memset(&key, 0, sizeof(key));                            \
		QUICK_FILL(key)                                                    \
		quick_stats_add(&key, value);                                      \
	} while (0)
