// OpenedMap: a map that exists in the kernel (kernel_objects.h opens it), with the types
// that it was made with.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "base/unique_fd.h"
#include "btf/btf.h"
#include "load/object.h"

namespace ebl::load {

class OpenedMap {
 public:
  static Result<OpenedMap> of(UniqueFd map);

  /// With its descriptor, which stays owned here. Type ids are of btf(); without BTF, 0.
  const Map& map() const { return map_; }
  /// Null where the map was made without types.
  const btf::Btf* btf() const { return btf_.get(); }

 private:
  UniqueFd fd_;
  Map map_;
  std::unique_ptr<btf::Btf> btf_;
};

/// Forbids user space to write to the map from now on.
Result<void> freeze_map(int fd);

/// What /proc says of a map besides its kind and sizes.
struct MapState {
  std::uint32_t id = 0;
  std::uint64_t memory = 0;  ///< bytes
  bool frozen = false;
};
MapState map_state(int fd);

}  // namespace ebl::load
