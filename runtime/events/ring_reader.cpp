#include "events/ring_reader.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ebl::events {
namespace {

Error map_failed(const char* part) {
  return {.stage = Stage::read,
          .code = errno == EPERM || errno == EACCES ? Code::not_permitted : Code::io,
          .message = std::string("cannot map the ring buffer's ") + part + ": " +
                     errno_text(errno)};
}

std::uint64_t record_bytes(std::uint32_t payload) {
  return (std::uint64_t{payload} + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
}

// x86 keeps the order of loads: whoever has seen a committed header sees its payload.
// Elsewhere each header needs an acquire, which Lua does not have.
#ifdef __x86_64__
constexpr bool kLoadsInOrder = true;
#else
constexpr bool kLoadsInOrder = false;
#endif

}  // namespace

Result<std::unique_ptr<RingReader>> RingReader::open(int map_fd, std::uint32_t bytes) {
  std::unique_ptr<RingReader> reader(new RingReader);
  reader->fd_ = UniqueFd(::fcntl(map_fd, F_DUPFD_CLOEXEC, 3));
  if (!reader->fd_) return map_failed("descriptor");
  reader->page_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  reader->mask_ = bytes - 1;

  void* consumer =
      ::mmap(nullptr, reader->page_, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (consumer == MAP_FAILED) return map_failed("consumer page");
  reader->consumer_ = static_cast<std::uint64_t*>(consumer);

  void* producer = ::mmap(nullptr, reader->page_ + 2 * std::size_t{bytes}, PROT_READ,
                          MAP_SHARED, map_fd, static_cast<off_t>(reader->page_));
  if (producer == MAP_FAILED) return map_failed("data pages");
  reader->producer_ = static_cast<const std::uint64_t*>(producer);
  reader->data_ = static_cast<const std::uint8_t*>(producer) + reader->page_;
  return reader;
}

RingReader::~RingReader() {
  if (consumer_) ::munmap(consumer_, page_);
  if (producer_)
    ::munmap(const_cast<std::uint64_t*>(producer_), page_ + 2 * (std::size_t{mask_} + 1));
}

std::uint32_t RingReader::peek() noexcept {
  std::uint64_t position = *consumer_;  // written by this thread only
  // Acquire: what the producer wrote before it moved its position is visible after this.
  const std::uint64_t end = __atomic_load_n(producer_, __ATOMIC_ACQUIRE);
  std::uint32_t count = 0;
  while (position < end && count < kBatchRecords) {
    const std::uint8_t* at = data_ + (position & mask_);
    // Acquire: pairs with the commit of the record, which clears BUSY after the payload.
    const std::uint32_t header =
        __atomic_load_n(reinterpret_cast<const std::uint32_t*>(at), __ATOMIC_ACQUIRE);
    if (header & BPF_RINGBUF_BUSY_BIT) break;
    const std::uint32_t size = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    position += record_bytes(size);
    if (header & BPF_RINGBUF_DISCARD_BIT) continue;
    records_[count++] = {
        .data = at + BPF_RINGBUF_HDR_SZ, .size = size, .cpu = 0, .next = position};
  }
  run_.stride = 0;
  peeked_ = count;
  discarded_from_ = position;
  // Nothing but discarded records: take them, or the ring would stay full of them.
  if (count == 0 && position != *consumer_)
    __atomic_store_n(consumer_, position, __ATOMIC_RELEASE);
  return count;
}

std::uint32_t RingReader::peek_run() noexcept {
  const std::uint64_t start = *consumer_;
  const std::uint64_t end = __atomic_load_n(producer_, __ATOMIC_ACQUIRE);
  if (start >= end) return 0;
  // The data is mapped twice in a row: what lies between start and end is contiguous.
  const std::uint8_t* first = data_ + (start & mask_);
  const auto header_at = [first](std::uint64_t offset) {
    return __atomic_load_n(reinterpret_cast<const std::uint32_t*>(first + offset),
                           __ATOMIC_ACQUIRE);
  };
  const std::uint32_t header = header_at(0);
  if (header & (BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT)) return 0;
  const std::uint64_t stride = record_bytes(header);
  const std::uint64_t most =
      std::min<std::uint64_t>(kBatchRecords, (end - start) / stride);
  const std::uint64_t looked =
      kLoadsInOrder ? std::min<std::uint64_t>(most, kShortRun) : most;
  std::uint64_t count = 1;
  while (count < looked && header_at(count * stride) == header) count++;
  if (count < kShortRun && start + count * stride < end) return 0;
  if (count == looked) count = most;
  run_ = {.first = first + BPF_RINGBUF_HDR_SZ,
          .headers = first,
          .header = header,
          .stride = static_cast<std::uint32_t>(stride),
          .size = header};
  peeked_ = static_cast<std::uint32_t>(count);
  return peeked_;
}

void RingReader::release(std::uint32_t count) noexcept {
  if (count == 0) return;
  const std::uint64_t position =
      run_.stride ? *consumer_ + std::uint64_t{run_.stride} * std::min(count, peeked_)
      : count >= peeked_ ? discarded_from_
                         : records_[count - 1].next;
  // Release: the producer may reuse the memory only after our reads of it.
  __atomic_store_n(consumer_, position, __ATOMIC_RELEASE);
}

void RingReader::mark() noexcept {
  mark_ = __atomic_load_n(producer_, __ATOMIC_ACQUIRE);
}

bool RingReader::passed() const noexcept {
  return *consumer_ >= mark_;
}

}  // namespace ebl::events
