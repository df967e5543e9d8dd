/*
 * What a text without any #include starts with: the BPF helpers, the CO-RE and tracing
 * macros, byte order, and the short map macros. Types such as u32 and struct task_struct need
 * no header: the compiler takes them from the kernel's BTF when the text names them.
 */
#pragma once

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <ebl/kernel.h>
#include <ebl/maps.h>
