/*
 * Functions and macros of BCC C that are neither map nor probe: packets, checksums, byte
 * order, logarithms, trace_printk, arguments of static probes.
 */
#pragma once

#ifndef MASK
#define MASK(n) ((n) < 64 ? (1ull << (n)) - 1 : ~0ull)
#endif

#define lock_xadd(pointer, n) ((void)__sync_fetch_and_add(pointer, n))

/* Online CPUs when the text was compiled. */
#ifdef __EBL_ONLINE_CPUS
#define bpf_num_cpus() __EBL_ONLINE_CPUS
#endif

/* The logarithm to base 2, rounded down; 0 for 0. */
__ebl_inline unsigned int bpf_log2(unsigned int v)
{
	unsigned int shift, result = (v > 0xffff) << 4;

	v >>= result;
	shift = (v > 0xff) << 3;
	v >>= shift;
	result |= shift;
	shift = (v > 0xf) << 2;
	v >>= shift;
	result |= shift;
	shift = (v > 0x3) << 1;
	v >>= shift;
	result |= shift;
	return result | (v >> 1);
}

/* One more: slot 0 of a histogram is for 0, slot n for 2^(n-1) to 2^n - 1. */
__ebl_inline unsigned int bpf_log2l(unsigned long v)
{
	const unsigned int high = v >> 32;

	return high ? bpf_log2(high) + 33 : bpf_log2(v) + 1;
}

#define bpf_ntohs(x) __ebl_network16(x)
#define bpf_htons(x) __ebl_network16(x)
#define bpf_ntohl(x) __ebl_network32(x)
#define bpf_htonl(x) __ebl_network32(x)
#define bpf_ntohll(x) __ebl_network64(x)
#define bpf_htonll(x) __ebl_network64(x)
#define bpf_hton128(x) bpf_ntoh128(x)
__ebl_inline unsigned __int128 bpf_ntoh128(unsigned __int128 value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return ((unsigned __int128)__ebl_network64((__u64)value) << 64) |
	       __ebl_network64((__u64)(value >> 64));
#else
	return value;
#endif
}

/*
 * The format is a literal, and its size is told from it. More than three values need kernel 5.16
 * (bpf_trace_vprintk).
 */
#undef __bpf_printk
#define __bpf_printk(format, args...)                                              \
	({                                                                         \
		static const char __ebl_format[] = format;                         \
		((long (*)(const char *, __u32, ...))6)(                           \
			__ebl_format, sizeof(__ebl_format), ##args);               \
	})
#define bpf_trace_printk(format, args...) bpf_printk(format, ##args)

/*
 * Packets. The loads are the kernel's own of classic BPF: in the machine's byte order, and a
 * program that reads past the end of the packet ends with 0.
 */
unsigned long long load_byte(void *skb, unsigned long long offset) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long offset) asm("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long offset) asm("llvm.bpf.load.word");
__ebl_inline unsigned long long load_dword(void *skb, unsigned long long offset)
{
	return load_word(skb, offset) << 32 | load_word(skb, offset + 4);
}

/* The lowest `bytes` bytes of `value`, in the order of the network. */
__ebl_inline int __ebl_store(void *skb, __u64 offset, __u64 value, __u32 bytes)
{
	__u64 out = __ebl_network64(value << (64 - bytes * 8));

	return bpf_skb_store_bytes(skb, offset, &out, bytes, 0);
}
#define bpf_store_byte(skb, offset, value) __ebl_store(skb, offset, value, 1)
#define bpf_store_half(skb, offset, value) __ebl_store(skb, offset, value, 2)
#define bpf_store_word(skb, offset, value) __ebl_store(skb, offset, value, 4)
#define bpf_store_dword(skb, offset, value) __ebl_store(skb, offset, value, 8)

#define cursor_advance(cursor, length)                                             \
	({                                                                         \
		void *__ebl_at = (cursor);                                         \
		(cursor) += (length);                                              \
		__ebl_at;                                                          \
	})

/* The bytes from `offset` on, as one number. `bytes` is a constant. */
__ebl_inline __u64 __ebl_load(void *skb, __u64 offset, __u32 bytes)
{
	__u64 value = 0;

	if (bytes == 8)
		return load_dword(skb, offset);
	if (bytes & 4) {
		value = load_word(skb, offset);
		offset += 4;
	}
	if (bytes & 2) {
		value = value << 16 | load_half(skb, offset);
		offset += 2;
	}
	if (bytes & 1)
		value = value << 8 | load_byte(skb, offset);
	return value;
}

/*
 * `bits` bits of a packet, beginning `bit` (0 is the highest) into the byte at `offset`. Together
 * they are at most 64.
 */
__ebl_inline __u64 bpf_dext_pkt(void *skb, __u64 offset, __u64 bit, __u64 bits)
{
	const __u32 bytes = (bit + bits + 7) / 8;

	return __ebl_load(skb, offset, bytes) >> (bytes * 8 - bit - bits) & MASK(bits);
}

__ebl_inline __u64 bpf_dins_pkt(void *skb, __u64 offset, __u64 bit, __u64 bits,
				__u64 value)
{
	const __u32 bytes = (bit + bits + 7) / 8;
	const __u32 shift = bytes * 8 - bit - bits;
	__u64 whole = (value & MASK(bits)) << shift;

	if (bits != bytes * 8)
		whole |= __ebl_load(skb, offset, bytes) & ~(MASK(bits) << shift);
	__ebl_store(skb, offset, whole, bytes);
	return value & MASK(bits);
}

/* What the kernel's checksum helpers take is in the order of the network. */
__ebl_inline __u64 __ebl_as_stored(__u64 value, __u64 bytes)
{
	return bytes == 2 ? __ebl_network16(value) :
	       bytes == 4 ? __ebl_network32(value) :
			    __ebl_network64(value);
}
__ebl_inline int bpf_l3_csum_replace_(void *skb, __u64 offset, __u64 from, __u64 to,
				      __u64 flags)
{
	const __u64 bytes = flags & 0xf;

	return bpf_l3_csum_replace(skb, offset, __ebl_as_stored(from, bytes),
				   __ebl_as_stored(to, bytes), flags);
}
__ebl_inline int bpf_l4_csum_replace_(void *skb, __u64 offset, __u64 from, __u64 to,
				      __u64 flags)
{
	const __u64 bytes = flags & 0xf;

	return bpf_l4_csum_replace(skb, offset, __ebl_as_stored(from, bytes),
				   __ebl_as_stored(to, bytes), flags);
}

/* The first parameter of the function that it is written in; the compiler puts it here. */
void *__ebl_first_parameter(void);

#define incr_cksum_l3(offset, from, to)                                            \
	bpf_l3_csum_replace_(__ebl_first_parameter(), (__u64)(offset), from, to,   \
			     sizeof(to))
#define incr_cksum_l4(offset, from, to, pseudo)                                    \
	bpf_l4_csum_replace_(__ebl_first_parameter(), (__u64)(offset), from, to,   \
			     ((pseudo) & 1) << 4 | sizeof(to))

/*
 * Arguments of a static probe: the compiler makes this a call of _bpf_readarg_FUNCTION_N, which
 * stands before the text for every function that is enabled for a probe.
 */
int __ebl_usdt_argument(int n, void *ctx, void *to, unsigned long size);
#define bpf_usdt_readarg(n, ctx, to) __ebl_usdt_argument(n, ctx, to, sizeof(*(to)))
#define bpf_usdt_readarg_p(n, ctx, to, length)                                     \
	({                                                                         \
		__u64 __ebl_address = 0;                                           \
		bpf_usdt_readarg(n, ctx, &__ebl_address);                          \
		bpf_probe_read_user(to, length, (void *)__ebl_address);            \
	})

#define PT_REGS_SYSCALL_CTX(ctx) ((struct pt_regs *)PT_REGS_PARM1(ctx))
