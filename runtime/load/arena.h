// Arena: a map of memory that programs and this process share. The kernel verifies a
// program that uses one only where the memory is mapped already, so it is made and mapped
// before the load. libbpf 1.1.2 knows nothing of the kind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace ebl::load {

constexpr std::uint32_t kArenaType = 33;  // of the kernel; libbpf 1.1.2 lacks the name

/// Owns the map's descriptor and the mapping. Programs' pointers into it are addresses in
/// the mapping: they can be followed as they are.
class Arena {
 public:
  /// The flag BPF_F_MMAPABLE is added. Code::not_supported where the kernel has no
  /// arenas.
  static Result<Arena> create(const std::string& name, std::uint32_t pages,
                              std::uint32_t flags);
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&&) = delete;
  ~Arena();

  const std::string& name() const { return name_; }
  int fd() const { return fd_.get(); }
  std::byte* memory() const { return memory_; }
  std::size_t size() const { return size_; }

 private:
  Arena(std::string name, UniqueFd fd) : name_(std::move(name)), fd_(std::move(fd)) {}

  std::string name_;
  UniqueFd fd_;
  std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace ebl::load
