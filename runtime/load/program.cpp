#include "load/program.h"

#include <bpf/bpf.h>

#include <cstddef>

namespace ebl::load {

std::optional<std::uint64_t> recursion_misses(int program_fd) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(program_fd, &info, &size) != 0) return std::nullopt;
  if (size < offsetof(bpf_prog_info, recursion_misses) + sizeof(info.recursion_misses))
    return std::nullopt;
  return info.recursion_misses;
}

}  // namespace ebl::load
