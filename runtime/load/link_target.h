// What a link of anybody's sits on, in words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ebl::load {

struct LinkTarget {
  std::string type;  ///< "xdp", "perf_event", "kprobe_multi"…
  std::uint32_t program_id = 0;
  /// "sched_switch", "vfs_read+0x4", "/bin/x:0x1234", "eth0", "/sys/fs/cgroup/web"…;
  /// empty where the kernel does not tell.
  std::string target;
  std::string attach_type;  ///< empty where its kind has one only
  std::vector<std::pair<const char*, std::uint64_t>> numbers;  ///< by inventory.h's names
};

/// Nothing where the link has gone.
std::optional<LinkTarget> link_target(int fd);

}  // namespace ebl::load
