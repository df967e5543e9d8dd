// ObjectCache: compiled objects on disk, one file each. It is code that root will load,
// so the directory is the user's alone (private_directory.h), every file is checked on
// the descriptor that it is read from, and whatever looks wrong is a miss.
//
// Files are written under another name, synced and renamed, so a reader sees a whole
// entry or none, and any number of processes may use one cache. When it outgrows its
// bound, the entries that were not used for the longest time go.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "cache/entry.h"

namespace ebl::cache {

struct Statistics {
  std::size_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t limit = 0;  ///< of bytes
};

/// The key of what these fields describe.
std::string key_of(const std::vector<std::string_view>& fields);

class ObjectCache {
 public:
  static constexpr std::uint64_t kDefaultLimit = 64 << 20;

  /// Fails where `directory` is not the user's own and closed to others.
  static Result<ObjectCache> open(const std::string& directory,
                                  std::uint64_t limit = kDefaultLimit);

  const std::string& directory() const { return path_; }

  /// nullopt: a miss. An Error is a miss too, with what is wrong with the entry.
  Result<std::optional<Entry>> find(const std::string& key) const;

  /// Keeps `entry`; what is too large for the cache is left out. On failure nothing is
  /// left behind.
  Result<void> store(const std::string& key, const Entry& entry) const;

  Result<Statistics> statistics() const;
  /// Removes every entry; returns how many.
  Result<std::size_t> clear() const;

 private:
  struct File {
    std::string name;
    std::uint64_t bytes = 0;
    std::int64_t used = 0;  // seconds since 1970
  };
  ObjectCache(std::string path, UniqueFd directory, std::uint64_t limit)
      : path_(std::move(path)), directory_(std::move(directory)), limit_(limit) {}

  Result<std::vector<File>> entries() const;
  void evict() const;
  Error failed(const std::string& what) const;

  std::string path_;
  UniqueFd directory_;
  std::uint64_t limit_;
};

}  // namespace ebl::cache
