#include "load/loaded_types.h"

#include <bpf/bpf.h>

#include "base/unique_fd.h"

namespace ebl::load {

std::vector<std::byte> loaded_types(std::uint32_t btf_id) {
  const UniqueFd fd(btf_id ? bpf_btf_get_fd_by_id(btf_id) : -1);
  bpf_btf_info info{};
  std::uint32_t size = sizeof info;
  if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) return {};
  std::vector<std::byte> bytes(info.btf_size);
  info = {};
  info.btf = reinterpret_cast<std::uintptr_t>(bytes.data());
  info.btf_size = static_cast<std::uint32_t>(bytes.size());
  size = sizeof info;
  if (bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) return {};
  return bytes;
}

}  // namespace ebl::load
