// What all probes in user programs share: finding the file, the kernel's uprobe unit, and
// saying what went wrong. Internal to attach/.
#pragma once

#include <cstdint>
#include <string>

#include "attach/holders.h"

namespace ebl::attach {

/// The path of spec.binary, as the process of options.pid sees it where one is given.
Result<std::string> user_binary(const ProbeSpec& spec, const Options& options);

/// The type number of the kernel's uprobe unit.
Result<std::uint32_t> uprobe_unit(const ProbeSpec& spec);

/// An error of looking for the place, with the probe named.
Error place_error(const ProbeSpec& spec, Error error);

/// Whether an errno of attaching is about the place and not about us.
bool blames_the_place(int error_number);

/// For an errno of attaching to a place.
Error uprobe_refused(const ProbeSpec& spec, int error_number);

}  // namespace ebl::attach
