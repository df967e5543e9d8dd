// OpenedMap: a map that exists in the kernel, found by its number, name or pin, with the
// types that it was made with.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "btf/btf.h"
#include "load/object.h"

namespace ebl::load {

class OpenedMap {
 public:
  /// A file of a bpffs.
  static Result<OpenedMap> at_path(const std::string& path);
  /// The number that the kernel gave it.
  static Result<OpenedMap> with_id(std::uint32_t id);
  /// Code::invalid where more than one map has that name. The kernel keeps 15 bytes.
  static Result<OpenedMap> with_name(const std::string& name);

  /// With its descriptor, which stays owned here. Type ids are of btf(); without BTF, 0.
  const Map& map() const { return map_; }
  /// Null where the map was made without types.
  const btf::Btf* btf() const { return btf_.get(); }

 private:
  static Result<OpenedMap> of(UniqueFd fd);

  UniqueFd fd_;
  Map map_;
  std::unique_ptr<btf::Btf> btf_;
};

/// Makes `path`, in a bpffs, a name that keeps the map.
Result<void> pin_map(int fd, const std::string& path);

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
