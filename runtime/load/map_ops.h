// Element operations on a map's file descriptor: the data plane. Every function returns 0
// or a negative errno (MapCursor::next: a count), never throws and allocates nothing
// after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace ebl::load {

int map_lookup(int fd, const void* key, void* value, std::uint64_t flags) noexcept;
int map_update(int fd, const void* key, const void* value, std::uint64_t flags) noexcept;
int map_delete(int fd, const void* key) noexcept;
int map_lookup_and_delete(int fd, const void* key, void* value) noexcept;

/// Updates `count` elements in one system call, or one by one where the kernel has no
/// batch operation for the kind. `done` becomes how many are in the map, also after a
/// failure.
int map_update_batch(int fd, const void* keys, const void* values, std::uint32_t key_size,
                     std::uint32_t value_size, std::uint32_t count, std::uint64_t flags,
                     std::uint32_t* done) noexcept;
/// The same for deletion. Keys that are not there are passed over, and not counted.
int map_delete_batch(int fd, const void* keys, std::uint32_t key_size,
                     std::uint32_t count, std::uint32_t* done) noexcept;

/// Reads a map in batches; where the kernel has no batch operation for the kind, key by
/// key. Entries that are deleted meanwhile are skipped; ones added meanwhile may or may
/// not come.
class MapCursor {
 public:
  /// What happens to the entries that next() gives. Where the kernel cannot take one in
  /// one step, it is read and then deleted.
  enum class Entries { stay, are_taken };

  /// `value_size` is that of one read-out: for per-CPU kinds, the CPUs' values rounded up
  /// to eight bytes each.
  MapCursor(int fd, std::uint32_t key_size, std::uint32_t value_size,
            std::uint32_t max_entries, Entries entries = Entries::stay);

  /// Fills keys() and values() with the next entries and returns how many; 0 at the end.
  int next() noexcept;
  const std::byte* keys() const { return keys_.data(); }
  const std::byte* values() const { return values_.data(); }

 private:
  int next_batch() noexcept;
  int next_single() noexcept;
  int read_single(const std::byte* key, std::byte* value) noexcept;

  int fd_;
  std::uint32_t key_size_;
  std::uint32_t value_size_;
  std::uint32_t capacity_;
  std::uint64_t budget_;  // ends a walk that deletions send round in circles
  std::vector<std::byte> keys_;
  std::vector<std::byte> values_;
  std::vector<std::byte> token_;  // the kernel's place between two batches
  std::vector<std::byte> upcoming_;
  bool started_ = false;
  bool finished_ = false;
  bool single_ = false;
  bool take_ = false;
};

/// What the kernel knows about a map.
struct MapInfo {
  std::uint32_t id = 0;
  std::uint32_t type = 0;
  std::uint32_t key_size = 0;
  std::uint32_t value_size = 0;
  std::uint32_t max_entries = 0;
  std::uint32_t flags = 0;
  std::string name;
};
Result<MapInfo> map_info(int fd);

/// The kernel's own name of a map type without its prefix: "hash", "percpu_array"…
std::string map_type_name(std::uint32_t type);

/// "1.1": of the library that is loaded.
std::string libbpf_version();

/// CPUs that per-CPU values have room for.
int possible_cpus();

}  // namespace ebl::load
