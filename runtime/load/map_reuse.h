// One map in two objects: what must agree before an object may use a map that exists.
#pragma once

#include <bpf/libbpf.h>

#include "base/result.h"

namespace ebl::load {

/// Puts the map behind `fd` in the place of `declared`, whose object is not loaded.
/// Code::invalid where kind, sizes, entries or flags differ, with the first that does.
/// libbpf duplicates `fd`: it stays the caller's.
Result<void> reuse_map(bpf_map* declared, int fd);

/// Whether the map that is pinned where `declared` would be, if any, can be used for it:
/// Code::invalid as above.
Result<void> check_pin(const bpf_map* declared);

}  // namespace ebl::load
