// Names that an object asks of the kernel and that it does not have: fields and types of
// CO-RE relocations, kernel functions and variables, configuration options.
#pragma once

#include <optional>

#include "load/load_error.h"

namespace ebl::load {

/// Nothing where the failure is another one.
std::optional<Error> unresolved_name(const LoadFailure& failure,
                                     const std::string& program);

/// What libbpf says when it opens an object: a symbol that is nowhere, an unknown
/// attribute of a map. `warning` is its last line.
Error open_failure(const std::string& object, const std::string& warning);

/// "tracepont/x" is no section that libbpf knows: the message with the nearest.
Error unknown_section(const std::string& program, const std::string& section);

}  // namespace ebl::load
