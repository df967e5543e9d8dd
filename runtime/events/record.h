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

/// Records of one batch. A ring's batch of 64-byte records then stays in the second-level
/// cache.
constexpr std::uint32_t kBatchRecords = 2048;

}  // namespace ebl::events
