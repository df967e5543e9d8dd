// Why the kernel does not create a map: it only says EINVAL or E2BIG, but the rules of
// each kind are known.
#pragma once

#include <string>

#include "load/object.h"

namespace ebl::load {

struct MapMistake {
  std::string reason;
  std::string hint;  ///< may be empty
};

/// `number` is the positive errno of the creation. Without a known mistake, the reason
/// lists what the map is made of.
MapMistake explain_map(const Map& map, int number);

}  // namespace ebl::load
