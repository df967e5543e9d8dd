// The command line of clang's front end for one text.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "compile/clang/name_scan.h"

namespace ebl::compile {

/// Arguments for clang -cc1. `user` are the checked arguments of compile/flags.h and come
/// last, so that they win; `directories` are searched by #include "..." and <...> alike.
std::vector<std::string> front_end_arguments(const TextTraits& traits, Dialect dialect,
                                             std::span<const std::string> user,
                                             std::span<const std::string> directories);

}  // namespace ebl::compile
