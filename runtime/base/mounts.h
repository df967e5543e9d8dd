// Where the kernel's pseudo file systems are mounted, and mounting one that is missing.
// Minimal systems and containers often come without tracefs, bpffs or securityfs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ebl {

struct Mount {
  std::string type;   ///< "tracefs", "bpf", "cgroup2"…
  std::string point;  ///< where, with the kernel's octal escapes decoded
};

/// Parses the text of /proc/self/mounts; lines that do not have its form are left out.
std::vector<Mount> parse_mounts(std::string_view text);

/// The first mount point of that file system type in this process's mount namespace.
std::optional<std::string> find_mount(std::string_view type);

/// The mount point of `type`; where there is none, mounts it at `point`, which takes
/// CAP_SYS_ADMIN and stays after exit. The error's hint is the command to run.
Result<std::string> ensure_mounted(const std::string& type, const std::string& point);

}  // namespace ebl
