// The kernel's types as C.
#pragma once

#include <string>

#include "base/result.h"

namespace ebl::load {

/// The struct, union, enum or typedef `name` and all that it is made of, in an order that
/// a compiler takes; all types of the kernel where `name` is empty (megabytes).
Result<std::string> kernel_types_as_c(const std::string& name);

}  // namespace ebl::load
