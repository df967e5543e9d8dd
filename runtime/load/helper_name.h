// Names of the kernel's helper functions.
#pragma once

#include <cstdint>
#include <string>

namespace ebl::load {

/// "bpf_get_func_ip" for 173; empty for a number that the build's kernel headers do not
/// know.
std::string helper_name(std::uint64_t number);

}  // namespace ebl::load
