// The BTF that a map or a program was loaded with, as the kernel keeps it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ebl::load {

/// Its bytes; empty where there is none with that id (0: never), or it may not be read.
std::vector<std::byte> loaded_types(std::uint32_t btf_id);

}  // namespace ebl::load
