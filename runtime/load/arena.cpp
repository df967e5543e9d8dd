#include "load/arena.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/permissions.h"

namespace ebl::load {
namespace {

Error refused(const std::string& name, int number) {
  const std::string what = "make the arena '" + name + "'";
  if (number == EPERM) {
    static constexpr Capability kNeeded[] = {Capability::bpf};
    return explain_permission(Stage::load, what, number, kNeeded);
  }
  const bool missing = number == EINVAL;
  return {.stage = Stage::load,
          .code = missing ? Code::not_supported : Code::io,
          .message = "cannot " + what + ": " +
                     (missing ? "this kernel has no maps of the kind arena"
                              : errno_text(number)),
          .hint = missing ? "arenas take Linux 6.9; an array with the flag "
                            "BPF_F_MMAPABLE is shared memory before"
                          : ""};
}

}  // namespace

Result<Arena> Arena::create(const std::string& name, std::uint32_t pages,
                            std::uint32_t flags) {
  if (pages == 0)
    return Error{.stage = Stage::load,
                 .code = Code::invalid,
                 .message = "the arena '" + name + "' has no max_entries",
                 .hint = "its number of pages"};
  bpf_map_create_opts options{};
  options.sz = sizeof options;
  options.map_flags = flags | BPF_F_MMAPABLE;
  UniqueFd fd(bpf_map_create(static_cast<bpf_map_type>(kArenaType), name.c_str(), 0, 0,
                             pages, &options));
  if (!fd) return refused(name, errno);
  Arena arena(name, std::move(fd));
  const std::size_t size =
      std::size_t{pages} * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, arena.fd(), 0);
  if (memory == MAP_FAILED) return refused(name, errno);
  arena.memory_ = static_cast<std::byte*>(memory);
  arena.size_ = size;
  return arena;
}

Arena::Arena(Arena&& other) noexcept
    : name_(std::move(other.name_)),
      fd_(std::move(other.fd_)),
      memory_(std::exchange(other.memory_, nullptr)),
      size_(other.size_) {}

Arena::~Arena() {
  if (memory_) ::munmap(memory_, size_);
}

}  // namespace ebl::load
