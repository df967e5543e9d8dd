// Which hooks this kernel holds by a descriptor (a link).
#pragma once

#include <vector>

#include "load/features.h"

namespace ebl::attach {

/// Found by trying, but for struct_ops: "kprobe_multi", "tcx", "netkit"… Nothing stays
/// attached.
std::vector<load::Feature> probe_links();

}  // namespace ebl::attach
