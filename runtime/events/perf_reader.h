// PerfReader: the consumer side of a BPF_MAP_TYPE_PERF_EVENT_ARRAY, one ring for each
// CPU.
//
// Format: perf_event_open(2), "MMAP layout". A record that wraps round the end of its
// ring is copied, which happens at most once for each ring and batch. Lost records are
// counted.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "events/reader.h"

namespace ebl::events {

class PerfReader final : public Reader {
 public:
  /// Opens a ring of `pages` (a power of two) on every online CPU and puts it into the
  /// map.
  static Result<std::unique_ptr<PerfReader>> open(int map_fd, std::uint32_t pages);
  ~PerfReader() override;
  PerfReader(const PerfReader&) = delete;
  PerfReader& operator=(const PerfReader&) = delete;

  std::uint32_t peek() noexcept override;
  std::uint32_t peek_run() noexcept override;
  void release(std::uint32_t count) noexcept override;
  void mark() noexcept override;
  bool passed() const noexcept override;
  /// An epoll descriptor over the rings of all CPUs.
  int fd() const override { return epoll_.get(); }

 private:
  struct Ring {
    UniqueFd fd;
    std::uint32_t cpu = 0;
    void* memory = nullptr;
    std::uint64_t peeked = 0;  // position behind what the last peek() looked at
    std::uint64_t tail = 0;    // position that has been released
    std::uint64_t mark = 0;
    std::vector<std::uint8_t> scratch;
  };

  PerfReader() = default;
  Result<void> add_cpu(int map_fd, std::uint32_t cpu);
  std::uint32_t peek_ring(Ring& ring, std::uint32_t count) noexcept;
  std::uint32_t run_of(Ring& ring) noexcept;

  UniqueFd epoll_;
  std::size_t page_ = 0;
  std::uint64_t size_ = 0;
  std::vector<Ring> rings_;
  std::vector<std::uint32_t> owners_;  // ring of each peeked record
  std::uint32_t peeked_ = 0;
  std::size_t run_ring_ = 0;
  std::size_t first_ring_ = 0;  // turn of the rings: each begins in its turn
};

}  // namespace ebl::events
