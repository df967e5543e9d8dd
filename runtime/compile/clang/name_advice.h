// What to do about a name that clang does not know: where one like it exists.
#pragma once

#include <string>

#include "compile/clang/kernel_btf.h"
#include "compile/clang/name_scan.h"

namespace ebl::compile {

/// A hint for the first error of a text, or the empty string. `message` is clang's,
/// `line` the C line.
std::string advise(KernelBtf& kernel, const TextTraits& traits,
                   const std::string& message, const std::string& line);

}  // namespace ebl::compile
