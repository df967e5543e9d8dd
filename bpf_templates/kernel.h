/*
 * Served as every <linux/...>, <net/...>, <stdint.h> and the like: the macros with arguments
 * that kernel and C headers define and BTF cannot know. Types come from BTF; constants such
 * as ETH_P_IP come from kernel_constants.def without being macros.
 */
#pragma once

#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif
#ifndef container_of
#define container_of(ptr, type, member)                                            \
	((type *)((void *)(ptr) - offsetof(type, member)))
#endif

#ifndef KERNEL_VERSION
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))
#endif
#ifndef LINUX_VERSION_CODE
#define LINUX_VERSION_CODE __EBL_LINUX_VERSION_CODE
#endif

#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#endif
#ifndef unlikely
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif
#ifndef BIT
#define BIT(n) (1UL << (n))
#endif
#ifndef BIT_ULL
#define BIT_ULL(n) (1ULL << (n))
#endif
#ifndef READ_ONCE
#define READ_ONCE(x) (*(volatile __typeof__(x) *)&(x))
#endif
#ifndef WRITE_ONCE
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define __ebl_network16(x) __builtin_bswap16(x)
#define __ebl_network32(x) __builtin_bswap32(x)
#define __ebl_network64(x) __builtin_bswap64(x)
#else
#define __ebl_network16(x) (x)
#define __ebl_network32(x) (x)
#define __ebl_network64(x) (x)
#endif
#ifndef htons
#define htons(x) __ebl_network16(x)
#endif
#ifndef ntohs
#define ntohs(x) __ebl_network16(x)
#endif
#ifndef htonl
#define htonl(x) __ebl_network32(x)
#endif
#ifndef ntohl
#define ntohl(x) __ebl_network32(x)
#endif
#ifndef __constant_htons
#define __constant_htons(x) __ebl_network16(x)
#endif
#ifndef __constant_ntohs
#define __constant_ntohs(x) __ebl_network16(x)
#endif
#ifndef __constant_htonl
#define __constant_htonl(x) __ebl_network32(x)
#endif
#ifndef __constant_ntohl
#define __constant_ntohl(x) __ebl_network32(x)
#endif
#ifndef __cpu_to_be16
#define __cpu_to_be16(x) __ebl_network16(x)
#endif
#ifndef __cpu_to_be32
#define __cpu_to_be32(x) __ebl_network32(x)
#endif
#ifndef __cpu_to_be64
#define __cpu_to_be64(x) __ebl_network64(x)
#endif
#ifndef __be16_to_cpu
#define __be16_to_cpu(x) __ebl_network16(x)
#endif
#ifndef __be32_to_cpu
#define __be32_to_cpu(x) __ebl_network32(x)
#endif
#ifndef __be64_to_cpu
#define __be64_to_cpu(x) __ebl_network64(x)
#endif

#ifndef min_t
#define min_t(type, a, b)                                                          \
	({                                                                         \
		type __ebl_a = (a), __ebl_b = (b);                                 \
		__ebl_a < __ebl_b ? __ebl_a : __ebl_b;                             \
	})
#endif
#ifndef max_t
#define max_t(type, a, b)                                                          \
	({                                                                         \
		type __ebl_a = (a), __ebl_b = (b);                                 \
		__ebl_a > __ebl_b ? __ebl_a : __ebl_b;                             \
	})
#endif
#ifndef div_u64
#define div_u64(dividend, divisor)                                                 \
	((unsigned long long)(dividend) / (unsigned int)(divisor))
#endif
#ifndef div64_u64
#define div64_u64(dividend, divisor)                                               \
	((unsigned long long)(dividend) / (unsigned long long)(divisor))
#endif
/* A constant's next power of two, or another value's, by its bits. */
#ifndef roundup_pow_of_two
#define roundup_pow_of_two(n)                                                      \
	(__builtin_constant_p(n) ? ((n) < 2 ? 1UL : 1UL << (64 - __builtin_clzll((n)-1))) : \
				   __ebl_roundup_pow_of_two(n))
static inline __attribute__((always_inline, unused)) unsigned long
__ebl_roundup_pow_of_two(unsigned long n)
{
	n--;
	n |= n >> 1;
	n |= n >> 2;
	n |= n >> 4;
	n |= n >> 8;
	n |= n >> 16;
	n |= n >> 32;
	return n + 1;
}
#endif
#ifndef TCP_SKB_CB
#define TCP_SKB_CB(skb) ((struct tcp_skb_cb *)&(skb)->cb[0])
#endif

/* Device numbers as the kernel keeps them inside. */
#ifndef MAJOR
#define MAJOR(dev) ((unsigned int)((dev) >> 20))
#endif
#ifndef MINOR
#define MINOR(dev) ((unsigned int)((dev) & 0xfffff))
#endif

#ifndef S_ISREG
#define S_ISREG(mode) (((mode) & 0170000) == 0100000)
#endif
#ifndef S_ISDIR
#define S_ISDIR(mode) (((mode) & 0170000) == 0040000)
#endif
#ifndef S_ISLNK
#define S_ISLNK(mode) (((mode) & 0170000) == 0120000)
#endif
#ifndef S_ISSOCK
#define S_ISSOCK(mode) (((mode) & 0170000) == 0140000)
#endif
#ifndef S_ISFIFO
#define S_ISFIFO(mode) (((mode) & 0170000) == 0010000)
#endif
#ifndef S_ISCHR
#define S_ISCHR(mode) (((mode) & 0170000) == 0020000)
#endif
#ifndef S_ISBLK
#define S_ISBLK(mode) (((mode) & 0170000) == 0060000)
#endif
