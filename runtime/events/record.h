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

/// Records of one size, one behind the other: record i is at first + i * stride. The
/// first whose word at headers + i * stride is not `header` ends the run and is not part
/// of it.
struct Run {
  const std::uint8_t* first = nullptr;
  const std::uint8_t* headers = nullptr;
  std::uint32_t header = 0;
  std::uint32_t stride = 0;
  std::uint32_t size = 0;
  std::uint32_t cpu = 0;
};

/// A shorter run is only worth a batch of its own where nothing comes behind it.
constexpr std::uint32_t kShortRun = 16;

/// Records of one batch. Draining 64-byte records from a ring, beside libbpf's C
/// callback: 0.9 times its rate with 512, 0.99 with 1,024, 1.1 with 2,048, 1.2 with
/// 4,096. What is in a batch keeps its room until the end of the batch.
constexpr std::uint32_t kBatchRecords = 2048;

}  // namespace ebl::events
