/* What later libbpf versions add to bpf_core_read.h, for an installed one that lacks it. */
#pragma once

/* A pointer that the program may read like a trusted one (kernel 6.2 and later). */
#ifndef bpf_core_cast
#define bpf_core_cast(pointer, type)                                               \
	((__typeof__(type) *)bpf_rdonly_cast((pointer), bpf_core_type_id_kernel(type)))
#endif
