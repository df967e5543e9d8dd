// kprobe.multi: one link of the kernel on any number of functions (5.18 and later).
// Internal to attach/.
#pragma once

#include <span>

#include "attach/function_set.h"
#include "attach/kind.h"
#include "attach/link_create.h"

namespace ebl::attach {

/// Whether this kernel makes links of that type, BPF_TRACE_KPROBE_MULTI or
/// type_kprobe_session; tried once.
bool has_kprobe_multi(bpf_attach_type type);

/// Attaches a program of that type to the functions, less those that the kernel refuses.
/// `returns`: at their return.
Holding attach_multi(load::Program program, bpf_attach_type type, bool returns,
                     std::span<const KernelFunction> functions, const ProbeSpec& spec,
                     const Options& options);

}  // namespace ebl::attach
