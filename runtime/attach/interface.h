// Network interfaces by name, for the kinds that sit on one. Internal to attach/.
#pragma once

#include <string_view>

#include "attach/kind.h"

namespace ebl::attach {

/// Reads INTERFACE or INTERFACE:WORD into target and category; `word` may be empty.
Result<ProbeSpec> parse_interface(std::string_view rest, ProbeSpec spec);
/// The opposite.
std::string interface_text(const ProbeSpec& spec);

/// The number of the interface spec.target in this process's network namespace;
/// Code::not_found with the names that there are.
Result<int> interface_index(const ProbeSpec& spec);

}  // namespace ebl::attach
