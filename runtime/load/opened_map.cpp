#include "load/opened_map.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "base/permissions.h"
#include "load/loaded_types.h"

namespace ebl::load {
namespace {

Error map_error(const std::string& what, int error) {
  if (error == EPERM || error == EACCES) {
    static constexpr Capability kNeeded[] = {Capability::sys_admin};
    return explain_permission(Stage::load, what, error, kNeeded);
  }
  return {.stage = Stage::load,
          .code = Code::io,
          .message = "cannot " + what + ": " + errno_text(error)};
}

std::unique_ptr<btf::Btf> types_of(std::uint32_t id) {
  Result<btf::Btf> types = btf::Btf::from_bytes(loaded_types(id));
  return types ? std::make_unique<btf::Btf>(std::move(*types)) : nullptr;
}

}  // namespace

Result<OpenedMap> OpenedMap::of(UniqueFd fd) {
  bpf_map_info info{};
  std::uint32_t size = sizeof info;
  if (const int failure = bpf_obj_get_info_by_fd(fd.get(), &info, &size); failure != 0)
    return map_error("read a map's information", -failure);
  OpenedMap opened;
  opened.btf_ = types_of(info.btf_id);
  opened.map_ = {.name = info.name,
                 .type = static_cast<bpf_map_type>(info.type),
                 .key_size = info.key_size,
                 .value_size = info.value_size,
                 .max_entries = info.max_entries,
                 .flags = info.map_flags,
                 .key_type = opened.btf_ ? info.btf_key_type_id : 0,
                 .value_type = opened.btf_ ? info.btf_value_type_id : 0,
                 .record_type = 0,
                 .tag = {},
                 .fd = fd.get(),
                 .memory = {}};
  opened.fd_ = std::move(fd);
  return opened;
}

Result<void> freeze_map(int fd) {
  const int failure = bpf_map_freeze(fd);
  if (failure == 0) return {};
  if (failure == -EBUSY || map_state(fd).frozen)
    return Error{.stage = Stage::load,
                 .code = Code::invalid,
                 .message =
                     "cannot freeze the map: it is frozen already, or its memory "
                     "is mapped for writing"};
  return map_error("freeze the map", -failure);
}

MapState map_state(int fd) {
  MapState state;
  std::ifstream file("/proc/self/fdinfo/" + std::to_string(fd));
  for (std::string word; file >> word;) {
    if (word == "map_id:") file >> state.id;
    if (word == "memlock:") file >> state.memory;
    if (word == "frozen:") {
      int frozen = 0;
      file >> frozen;
      state.frozen = frozen != 0;
    }
  }
  return state;
}

}  // namespace ebl::load
