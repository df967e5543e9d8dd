// UserRing: the writing end of a map of type user_ringbuf, whose reader is a BPF program.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>

namespace ebl::load {

/// One thread writes.
class UserRing {
 public:
  /// Empty, with errno, where the kernel refuses.
  explicit UserRing(int map_fd) : ring_(user_ring_buffer__new(map_fd, nullptr)) {}
  explicit operator bool() const { return ring_ != nullptr; }

  /// 0; -ENOSPC: no room until the program has read; -E2BIG: longer than the ring.
  int write(const void* data, std::uint32_t size) noexcept;

 private:
  struct Free {
    void operator()(user_ring_buffer* ring) const { user_ring_buffer__free(ring); }
  };
  std::unique_ptr<user_ring_buffer, Free> ring_;
};

}  // namespace ebl::load
