// Build IDs: which kernel and which compiler an object was made with.
#pragma once

#include <string>

#include "base/result.h"

namespace ebl::cache {

/// The running kernel's, from /sys/kernel/notes, as raw bytes.
Result<std::string> kernel_build_id();

/// That of a 64-bit ELF file, as raw bytes.
Result<std::string> file_build_id(const std::string& path);

}  // namespace ebl::cache
