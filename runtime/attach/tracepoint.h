// The kernel's trace events by name, as perf opens them. Internal to attach/.
#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.h"

namespace ebl::attach {

/// The number by which perf knows an event of the tracefs mounted there; 0: none.
std::uint64_t tracepoint_id(const std::string& tracefs, const std::string& category,
                            const std::string& event);

/// Empty, with errno, when the kernel refuses.
UniqueFd open_tracepoint(std::uint64_t id);

}  // namespace ebl::attach
