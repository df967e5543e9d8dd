// RingReader: the consumer side of a BPF_MAP_TYPE_RINGBUF.
//
// Layout (kernel/bpf/ringbuf.c): a page with the consumer position, a page with the
// producer position, then the data twice in a row, so that a record that wraps is
// contiguous. A record is an 8-byte header, whose first word is the length with BUSY and
// DISCARD in its top bits, then the payload rounded up to eight bytes. Positions only
// grow.
#pragma once

#include <cstddef>
#include <memory>

#include "base/result.h"
#include "base/unique_fd.h"
#include "events/reader.h"

namespace ebl::events {

class RingReader final : public Reader {
 public:
  /// Maps the ring of `bytes` (max_entries) behind `map_fd`; keeps a descriptor of its
  /// own.
  static Result<std::unique_ptr<RingReader>> open(int map_fd, std::uint32_t bytes);
  ~RingReader() override;
  RingReader(const RingReader&) = delete;
  RingReader& operator=(const RingReader&) = delete;

  std::uint32_t peek() noexcept override;
  std::uint32_t peek_run() noexcept override;
  void release(std::uint32_t count) noexcept override;
  void mark() noexcept override;
  bool passed() const noexcept override;
  int fd() const override { return fd_.get(); }

 private:
  RingReader() = default;

  UniqueFd fd_;
  std::size_t page_ = 0;
  std::uint64_t mask_ = 0;
  std::uint64_t* consumer_ = nullptr;        // writable page
  const std::uint64_t* producer_ = nullptr;  // read-only from here on
  const std::uint8_t* data_ = nullptr;
  std::uint64_t discarded_from_ = 0;  // position behind discards at the end of a batch
  std::uint64_t mark_ = 0;
  std::uint32_t peeked_ = 0;
};

}  // namespace ebl::events
