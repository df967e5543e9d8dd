// Attaching to the entry or the return of kernel functions, as kprobe, kretprobe,
// ksyscall and kretsyscall do. Internal to attach/.
#pragma once

#include "attach/kind.h"

namespace ebl::attach {

/// The kernel has one program type for both ways; which of them a program is for is said
/// at load: one link on many functions where the kernel has that, else single probes.
Result<void> prepare_kprobe(load::Program program, const ProbeSpec& spec);

/// `place` is a kprobe's or kretprobe's spec that says where; `spec` is the user's, for
/// messages.
Holding attach_kprobe_at(load::Program program, const ProbeSpec& place,
                         const ProbeSpec& spec, const Options& options);

}  // namespace ebl::attach
