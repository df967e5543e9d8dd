/*
 * What a BCC text starts with: the helpers, its map and probe macros, and the macros that BCC's
 * own headers or the kernel's define. The compiler gives plain functions their sections and
 * signatures (compile/clang/bcc_entries.h).
 */
#pragma once

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <ebl/kernel.h>
#include <ebl/bcc_maps.h>
#include <ebl/bcc_helpers.h>
#include <ebl/bcc_probes.h>
