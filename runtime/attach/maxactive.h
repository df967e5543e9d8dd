// kretprobe with a number of calls that it can watch at a time. Internal to attach/.
#pragma once

#include "attach/kind.h"

namespace ebl::attach {

/// Attaches to the return of a function, "[MODULE:]FUNCTION", by an event that a keeper
/// makes in tracefs: perf's own unit has no place for maxactive.
Holding attach_with_maxactive(load::Program program, const std::string& function,
                              const ProbeSpec& spec, const Options& options);

}  // namespace ebl::attach
