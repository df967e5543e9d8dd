// Which hooks this kernel holds by a descriptor (a link).
#pragma once

#include <string_view>
#include <vector>

#include "load/features.h"

namespace ebl::attach {

/// Found by trying, but for struct_ops: "kprobe_multi", "tcx", "netkit"… Nothing stays
/// attached.
std::vector<load::Feature> probe_links();

/// Attachments that no descriptor can own on this kernel: a child process undoes them
/// when this one has ended. "tc", "kretprobe with maxactive"…
std::vector<std::string_view> kept_attachments();

}  // namespace ebl::attach
