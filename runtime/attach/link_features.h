// Which hooks this kernel holds by a descriptor (a link), found out by trying, and which
// of ours a keeper child undoes because there is none.
#pragma once

#include <vector>

#include "load/features.h"

namespace ebl::attach {

/// "kprobe_multi", "uprobe_multi", "tcx", "netkit", "struct_ops"… Nothing is attached.
std::vector<load::Feature> probe_links();

}  // namespace ebl::attach
