// Reader: pulls batches of records out of a ring or perf buffer.
//
// Records of one size, as most rings have them, cost less as a run: no list of them is
// made.
//
//   while (std::uint32_t n = reader.peek()) {
//     for (i < n) handle(reader.records()[i]);   // borrowed views
//     reader.release(n);                         // one consumer update a batch
//   }
//
// Pull, never call back: LuaJIT compiles a loop over the records, and cannot compile
// calls from C into Lua. One thread.
#pragma once

#include <cstdint>
#include <vector>

#include "events/record.h"

namespace ebl::events {

class Reader {
 public:
  virtual ~Reader() = default;

  /// Collects up to kBatchRecords committed records without taking them; 0 when there are
  /// none.
  virtual std::uint32_t peek() noexcept = 0;
  /// The same for records that all have the size of the next one: fills run(), not
  /// records(), and returns the most that the run can have: whoever reads them sees by
  /// their headers where it ends. 0 when there are none, or when so few of them are in a
  /// row that peek() does better.
  virtual std::uint32_t peek_run() noexcept = 0;
  /// Takes the first `count` records of the last peek() or peek_run(): their memory is
  /// the kernel's again.
  virtual void release(std::uint32_t count) noexcept = 0;

  /// Remembers the end of what has been written so far…
  virtual void mark() noexcept = 0;
  /// …and whether all of that has been released.
  virtual bool passed() const noexcept = 0;

  const Record* records() const { return records_.data(); }
  const Run& run() const { return run_; }
  /// Records that the kernel says it dropped (perf buffers).
  std::uint64_t lost() const { return lost_; }
  /// Readable when there are records: for epoll.
  virtual int fd() const = 0;

 protected:
  Reader() : records_(kBatchRecords) {}
  std::vector<Record> records_;
  Run run_;  // stride 0: the last was a peek()
  std::uint64_t lost_ = 0;
};

}  // namespace ebl::events
