#include "load/map_ops.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "load/arena.h"

namespace ebl::load {
namespace {

/// Entries of one batch: large enough to make the system call cheap, small enough for the
/// cache.
constexpr std::uint32_t kBatch = 4096;
constexpr std::size_t kBatchBytes = 4u << 20;
// ENOTSUPP of the kernel, which no header of user space names.
constexpr int kNotSupportedByKernel = 524;

std::uint32_t batch_capacity(std::uint32_t entry_size, std::uint32_t max_entries) {
  const auto fitting = static_cast<std::uint32_t>(
      std::max<std::size_t>(64, kBatchBytes / std::max(1u, entry_size)));
  return std::clamp(max_entries, 1u, std::min(kBatch, fitting));
}

bool lacks_batches(int result) {
  return result == -EINVAL || result == -kNotSupportedByKernel || result == -EOPNOTSUPP;
}

}  // namespace

// libbpf returns the negative errno (libbpf 1.x), so do we.
int map_lookup(int fd, const void* key, void* value, std::uint64_t flags) noexcept {
  return bpf_map_lookup_elem_flags(fd, key, value, flags);
}

int map_update(int fd, const void* key, const void* value, std::uint64_t flags) noexcept {
  return bpf_map_update_elem(fd, key, value, flags);
}

int map_delete(int fd, const void* key) noexcept {
  return bpf_map_delete_elem(fd, key);
}

int map_lookup_and_delete(int fd, const void* key, void* value) noexcept {
  return bpf_map_lookup_and_delete_elem(fd, key, value);
}

int map_update_batch(int fd, const void* keys, const void* values, std::uint32_t key_size,
                     std::uint32_t value_size, std::uint32_t count, std::uint64_t flags,
                     std::uint32_t* done) noexcept {
  bpf_map_batch_opts options{};
  options.sz = sizeof options;
  options.elem_flags = flags;
  *done = count;
  const int result = bpf_map_update_batch(fd, keys, values, done, &options);
  if (!lacks_batches(result)) return result;
  const auto* key = static_cast<const std::byte*>(keys);
  const auto* value = static_cast<const std::byte*>(values);
  for (*done = 0; *done < count; ++*done, key += key_size, value += value_size)
    if (const int failure = map_update(fd, key, value, flags); failure != 0)
      return failure;
  return 0;
}

// One by one: the kernel's batch ends at the first key that is not there.
int map_delete_batch(int fd, const void* keys, std::uint32_t key_size,
                     std::uint32_t count, std::uint32_t* done) noexcept {
  const auto* key = static_cast<const std::byte*>(keys);
  std::uint32_t at = 0;
  *done = 0;
  while (at < count) {
    std::uint32_t some = count - at;
    const int result =
        bpf_map_delete_batch(fd, key + std::size_t{at} * key_size, &some, nullptr);
    if (result == 0) {
      *done += some;
      return 0;
    }
    if (lacks_batches(result)) break;
    if (result != -ENOENT) return result;
    *done += some;
    at += some + 1;
  }
  for (; at < count; at++) {
    const int result = map_delete(fd, key + std::size_t{at} * key_size);
    if (result == 0) ++*done;
    if (result != 0 && result != -ENOENT) return result;
  }
  return 0;
}

MapCursor::MapCursor(int fd, std::uint32_t key_size, std::uint32_t value_size,
                     std::uint32_t max_entries, Entries entries)
    : fd_(fd),
      key_size_(key_size),
      value_size_(value_size),
      capacity_(batch_capacity(key_size + value_size, max_entries)),
      budget_(std::uint64_t{2} * max_entries + 16),
      keys_(std::size_t{capacity_} * key_size),
      values_(std::size_t{capacity_} * value_size),
      token_(std::max(key_size, 8u)),
      upcoming_(key_size),
      take_(entries == Entries::are_taken) {}

int MapCursor::next() noexcept {
  if (finished_) return 0;
  return single_ ? next_single() : next_batch();
}

int MapCursor::next_batch() noexcept {
  std::uint32_t count = capacity_;
  const auto read = take_ ? bpf_map_lookup_and_delete_batch : bpf_map_lookup_batch;
  const int result = read(fd_, started_ ? token_.data() : nullptr, token_.data(),
                          keys_.data(), values_.data(), &count, nullptr);
  if (result == 0) {
    started_ = true;
    return count ? static_cast<int>(count) : next_batch();
  }
  if (result == -ENOENT) {  // the last batch
    finished_ = true;
    return static_cast<int>(count);
  }
  if (result == -ENOSPC) {  // one hash bucket has more entries than the buffers hold
    capacity_ *= 2;
    keys_.resize(std::size_t{capacity_} * key_size_);
    values_.resize(std::size_t{capacity_} * value_size_);
    return next_batch();
  }
  if (!started_ && lacks_batches(result)) {
    single_ = true;
    return next_single();
  }
  finished_ = true;
  return result;
}

int MapCursor::next_single() noexcept {
  int count = 0;
  if (!started_) {
    started_ = true;
    if (bpf_map_get_next_key(fd_, nullptr, upcoming_.data()) != 0) finished_ = true;
  }
  while (!finished_ && count < static_cast<int>(capacity_) && budget_-- > 0) {
    std::byte* key = keys_.data() + std::size_t(count) * key_size_;
    std::memcpy(key, upcoming_.data(), key_size_);
    // The key after this one is asked for first: once this one is deleted, the kernel
    // would begin again.
    if (bpf_map_get_next_key(fd_, key, upcoming_.data()) != 0) finished_ = true;
    const int result =
        read_single(key, values_.data() + std::size_t(count) * value_size_);
    if (result == 0)
      count++;
    else if (take_ && result != -ENOENT) {
      finished_ = true;
      return result;
    }
  }
  if (budget_ == 0) finished_ = true;
  return count || finished_ ? count : next_single();
}

int MapCursor::read_single(const std::byte* key, std::byte* value) noexcept {
  if (!take_) return bpf_map_lookup_elem(fd_, key, value);
  const int taken = bpf_map_lookup_and_delete_elem(fd_, key, value);
  if (!lacks_batches(taken)) return taken;
  const int result = bpf_map_lookup_elem(fd_, key, value);
  return result == 0 ? bpf_map_delete_elem(fd_, key) : result;
}

Result<MapInfo> map_info(int fd) {
  bpf_map_info info{};
  std::uint32_t size = sizeof(info);
  if (const int failure = bpf_obj_get_info_by_fd(fd, &info, &size); failure != 0)
    return Error{.stage = Stage::load,
                 .code = Code::io,
                 .message = "cannot read a map's information: " + errno_text(-failure)};
  return MapInfo{.id = info.id,
                 .type = info.type,
                 .key_size = info.key_size,
                 .value_size = info.value_size,
                 .max_entries = info.max_entries,
                 .flags = info.map_flags,
                 .name = info.name};
}

std::string map_type_name(std::uint32_t type) {
  const char* name = libbpf_bpf_map_type_str(static_cast<bpf_map_type>(type));
  if (type == kArenaType) return "arena";
  return name ? name : "type " + std::to_string(type);
}

std::string libbpf_version() {
  return std::to_string(libbpf_major_version()) + "." +
         std::to_string(libbpf_minor_version());
}

int possible_cpus() {
  return libbpf_num_possible_cpus();
}

}  // namespace ebl::load
