#include "events/perf_reader.h"

#include <bpf/bpf.h>
#include <linux/perf_event.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace ebl::events {
namespace {

Error perf_error(const std::string& what) {
  return {.stage = Stage::read,
          .code = errno == EPERM || errno == EACCES ? Code::not_permitted : Code::io,
          .message = what + ": " + errno_text(errno),
          .hint = errno == EPERM || errno == EACCES
                      ? "reading a perf buffer takes CAP_PERFMON (or root)"
                      : ""};
}

/// "0-3,5" -> 0 1 2 3 5
std::vector<std::uint32_t> online_cpus() {
  std::ifstream file("/sys/devices/system/cpu/online");
  std::vector<std::uint32_t> cpus;
  std::uint32_t first = 0;
  while (file >> first) {
    std::uint32_t last = first;
    if (file.peek() == '-') {
      file.get();
      file >> last;
    }
    for (std::uint32_t cpu = first; cpu <= last; cpu++) cpus.push_back(cpu);
    if (file.peek() == ',') file.get();
  }
  return cpus;
}

constexpr std::uint32_t kLengthBytes = 4;  // of a raw sample, before its payload

}  // namespace

Result<std::unique_ptr<PerfReader>> PerfReader::open(int map_fd, std::uint32_t pages) {
  if (pages == 0 || (pages & (pages - 1)))
    return Error{.stage = Stage::read,
                 .code = Code::invalid,
                 .message = "a perf buffer's pages must be a power of two, got " +
                            std::to_string(pages)};
  std::unique_ptr<PerfReader> reader(new PerfReader);
  reader->page_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  reader->size_ = std::uint64_t{pages} * reader->page_;
  reader->owners_.resize(kBatchRecords);
  reader->epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!reader->epoll_) return perf_error("cannot create an epoll descriptor");
  for (const std::uint32_t cpu : online_cpus())
    if (Result<void> added = reader->add_cpu(map_fd, cpu); !added)
      return added.take_error();
  return reader;
}

Result<void> PerfReader::add_cpu(int map_fd, std::uint32_t cpu) {
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_BPF_OUTPUT;
  attributes.sample_type = PERF_SAMPLE_RAW;
  attributes.sample_period = 1;
  attributes.wakeup_events = 1;

  Ring ring;
  ring.cpu = cpu;
  ring.fd = UniqueFd(
      static_cast<int>(::syscall(SYS_perf_event_open, &attributes, -1,
                                 static_cast<int>(cpu), -1, PERF_FLAG_FD_CLOEXEC)));
  const std::string name = "perf buffer of CPU " + std::to_string(cpu);
  if (!ring.fd) return perf_error("cannot open the " + name);
  ring.memory = ::mmap(nullptr, page_ + size_, PROT_READ | PROT_WRITE, MAP_SHARED,
                       ring.fd.get(), 0);
  if (ring.memory == MAP_FAILED) return perf_error("cannot map the " + name);
  rings_.push_back(std::move(ring));

  Ring& kept = rings_.back();
  const int event_fd = kept.fd.get();
  epoll_event interest{};
  interest.events = EPOLLIN;
  if (bpf_map_update_elem(map_fd, &cpu, &event_fd, BPF_ANY) != 0 ||
      ::ioctl(event_fd, PERF_EVENT_IOC_ENABLE, 0) != 0 ||
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event_fd, &interest) != 0)
    return perf_error("cannot enable the " + name);
  return {};
}

PerfReader::~PerfReader() {
  for (Ring& ring : rings_)
    if (ring.memory && ring.memory != MAP_FAILED) ::munmap(ring.memory, page_ + size_);
}

std::uint32_t PerfReader::peek() noexcept {
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < rings_.size(); i++)
    count = peek_ring(rings_[(first_ring_ + i) % rings_.size()], count);
  if (!rings_.empty()) first_ring_ = (first_ring_ + 1) % rings_.size();
  run_.stride = 0;
  peeked_ = count;
  return count;
}

std::uint32_t PerfReader::peek_run() noexcept {
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < rings_.size() && count == 0; i++) {
    run_ring_ = (first_ring_ + i) % rings_.size();
    count = run_of(rings_[run_ring_]);
  }
  if (count > 0) first_ring_ = (run_ring_ + 1) % rings_.size();
  peeked_ = count;
  return count;
}

std::uint32_t PerfReader::run_of(Ring& ring) noexcept {
  const auto* page = static_cast<const perf_event_mmap_page*>(ring.memory);
  const auto* data = static_cast<const std::uint8_t*>(ring.memory) + page_;
  const std::uint64_t left =
      __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE) - ring.tail;
  if (left == 0) return 0;
  const std::uint64_t at = ring.tail & (size_ - 1);
  struct Start {
    perf_event_header header;
    std::uint32_t size;
  };
  const auto start_at = [first = data + at](std::uint64_t offset) {
    Start start;
    std::memcpy(&start, first + offset, sizeof(start));
    return start;
  };
  // Up to the record that wraps; peek() puts that together.
  const std::uint64_t contiguous = std::min(left, size_ - at);
  if (contiguous < sizeof(Start)) return 0;
  const Start first = start_at(0);
  const std::uint64_t stride = first.header.size;
  if (first.header.type != PERF_RECORD_SAMPLE || stride < sizeof(Start)) return 0;
  const std::uint64_t most = std::min<std::uint64_t>(kBatchRecords, contiguous / stride);
  std::uint32_t count = 0;
  while (count < most) {
    const Start next = start_at(count * stride);
    if (next.header.type != PERF_RECORD_SAMPLE || next.header.size != stride ||
        next.size != first.size)
      break;
    count++;
  }
  if (count < kShortRun && count * stride < left) return 0;
  run_ = {.first = data + at + sizeof(Start),
          .headers = data + at + offsetof(Start, size),
          .header = first.size,
          .stride = static_cast<std::uint32_t>(stride),
          .size = first.size,
          .cpu = ring.cpu};
  return count;
}

std::uint32_t PerfReader::peek_ring(Ring& ring, std::uint32_t count) noexcept {
  auto* page = static_cast<perf_event_mmap_page*>(ring.memory);
  const auto* data = static_cast<const std::uint8_t*>(ring.memory) + page_;
  const std::uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
  std::uint64_t position = ring.tail;
  while (position < head && count < kBatchRecords) {
    const std::uint64_t at = position & (size_ - 1);
    perf_event_header header;  // never wraps: records are multiples of eight bytes
    std::memcpy(&header, data + at, sizeof(header));
    if (header.size < sizeof(header)) break;  // the kernel never writes such a record
    const std::uint8_t* record = data + at;
    if (at + header.size > size_) {
      ring.scratch.resize(header.size);
      const std::size_t until_end = size_ - at;
      std::memcpy(ring.scratch.data(), data + at, until_end);
      std::memcpy(ring.scratch.data() + until_end, data, header.size - until_end);
      record = ring.scratch.data();
    }
    position += header.size;
    if (header.type == PERF_RECORD_LOST) {
      std::uint64_t lost = 0;  // after the header: id, then the number of lost records
      std::memcpy(&lost, record + sizeof(header) + 8, sizeof(lost));
      lost_ += lost;
      continue;
    }
    if (header.type != PERF_RECORD_SAMPLE) continue;
    std::uint32_t size = 0;
    std::memcpy(&size, record + sizeof(header), sizeof(size));
    owners_[count] = static_cast<std::uint32_t>(&ring - rings_.data());
    records_[count++] = {.data = record + sizeof(header) + kLengthBytes,
                         .size = size,
                         .cpu = ring.cpu,
                         .next = position};
  }
  ring.peeked = position;
  const bool has_records = count > 0 && owners_[count - 1] == &ring - rings_.data();
  if (!has_records && position != ring.tail) {  // lost records only
    ring.tail = position;
    __atomic_store_n(&page->data_tail, position, __ATOMIC_RELEASE);
  }
  return count;
}

void PerfReader::release(std::uint32_t count) noexcept {
  if (count == 0) return;
  if (run_.stride) {
    Ring& ring = rings_[run_ring_];
    ring.tail += std::uint64_t{run_.stride} * std::min(count, peeked_);
    auto* page = static_cast<perf_event_mmap_page*>(ring.memory);
    __atomic_store_n(&page->data_tail, ring.tail, __ATOMIC_RELEASE);
    return;
  }
  for (std::uint32_t i = 0; i < count; i++) rings_[owners_[i]].tail = records_[i].next;
  if (count >= peeked_)
    for (Ring& ring : rings_)
      if (ring.peeked > ring.tail) ring.tail = ring.peeked;
  for (Ring& ring : rings_) {
    auto* page = static_cast<perf_event_mmap_page*>(ring.memory);
    __atomic_store_n(&page->data_tail, ring.tail, __ATOMIC_RELEASE);
  }
}

void PerfReader::mark() noexcept {
  for (Ring& ring : rings_) {
    const auto* page = static_cast<const perf_event_mmap_page*>(ring.memory);
    ring.mark = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
  }
}

bool PerfReader::passed() const noexcept {
  for (const Ring& ring : rings_)
    if (ring.tail < ring.mark) return false;
  return true;
}

}  // namespace ebl::events
