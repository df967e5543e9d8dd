/*
 * hist() and lhist(): counts by powers of two, or by steps. struct quick_key with a last
 * member `slot`, QUICK_FILL(key), QUICK_VALUE and, for steps, QUICK_LOW, QUICK_HIGH and
 * QUICK_STEP come first. Slot 0 of a log2 histogram holds negative values; -1 and the last
 * one of the other what is below QUICK_LOW and not below QUICK_HIGH.
 */
HASH(quick_counts, struct quick_key, __u64, QUICK_ENTRIES);

#define QUICK_POINTER 5 /* what __builtin_classify_type says */
#define quick_number(v)                                                            \
	__builtin_choose_expr(__builtin_classify_type(v) == QUICK_POINTER, 0UL, (v))
#define quick_is_negative(v)                                                       \
	((__typeof__(quick_number(v)))-1 < 1 && (__s64)(v) < 0)

#ifdef QUICK_STEP
static __always_inline __s32 quick_slot(__s64 value)
{
	if (value < QUICK_LOW)
		return -1;
	if (value >= QUICK_HIGH)
		return (QUICK_HIGH - QUICK_LOW + QUICK_STEP - 1) / QUICK_STEP;
	return (__u64)(value - QUICK_LOW) / QUICK_STEP;
}
#define quick_slot_of(v) quick_slot((__s64)(v))
#else
#define quick_slot_of(v) (quick_is_negative(v) ? 0 : log2_slot((__u64)(v)))
#endif

#define QUICK_ACTION()                                                             \
	do {                                                                       \
		struct quick_key key;                                              \
		quick_type(QUICK_VALUE) value = (QUICK_VALUE);                     \
		__builtin_memset(&key, 0, sizeof(key));                            \
		QUICK_FILL(key)                                                    \
		key.slot = quick_slot_of(value);                                   \
		count_add(&quick_counts, &key, 1);                                 \
	} while (0)
