// NumberPool: which of a fixed number of places are taken, such as the entries of an
// array map that attachments fill and leave. Used by several threads: links are closed in
// parallel.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>

namespace ebl::load {

class NumberPool {
 public:
  /// The lowest free number below `size`; nullopt when all are taken.
  std::optional<std::uint32_t> take(std::uint32_t size) {
    const std::scoped_lock lock(mutex_);
    std::uint32_t number = 0;
    for (const std::uint32_t taken : taken_) {
      if (taken != number) break;
      number++;
    }
    if (number >= size) return std::nullopt;
    taken_.insert(number);
    return number;
  }

  void give_back(std::uint32_t number) {
    const std::scoped_lock lock(mutex_);
    taken_.erase(number);
  }

 private:
  std::mutex mutex_;
  std::set<std::uint32_t> taken_;
};

}  // namespace ebl::load
