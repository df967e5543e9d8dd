/* trace(): one record for each event. struct quick_row and QUICK_FILL(row) come first. */
RINGBUF(quick_rows, struct quick_row, QUICK_RING_BYTES);

#define QUICK_ACTION()                                                             \
	do {                                                                       \
		struct quick_row *row =                                            \
			bpf_ringbuf_reserve(&quick_rows, sizeof(*row), 0);         \
		if (!row)                                                          \
			break;                                                     \
		__builtin_memset(row, 0, sizeof(*row));                            \
		QUICK_FILL(*row)                                                   \
		bpf_ringbuf_submit(row, 0);                                        \
	} while (0)
