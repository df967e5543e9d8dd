// Record: one event in memory that the kernel wrote. FFI sees the same layout
// (ebl_record).
#pragma once

#include <cstdint>

namespace ebl::events {

struct Record {
  const std::uint8_t* data;  ///< borrowed until the reader's release()
  std::uint32_t size;
  std::uint32_t cpu;   ///< perf buffers: where it was written; ring buffers: 0
  std::uint64_t next;  ///< the reader's own: consumer position behind this record
};

/// Records of one size, one behind the other: record i is at first + i * stride.
struct Run {
  const std::uint8_t* first = nullptr;
  std::uint32_t stride = 0;
  std::uint32_t size = 0;
  std::uint32_t cpu = 0;
};

/// A shorter run is only worth a batch of its own where nothing comes behind it.
constexpr std::uint32_t kShortRun = 16;

/// Records of one batch. Draining 64-byte records from a ring: with 256 each takes 30 %
/// longer (what a batch itself costs), with 2,048 to 8,192 no less.
constexpr std::uint32_t kBatchRecords = 1024;

}  // namespace ebl::events
