#include "load/opened_map.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string_view>
#include <vector>

#include "base/mounts.h"
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
          .code = error == ENOENT ? Code::not_found : Code::io,
          .message = "cannot " + what + ": " + errno_text(error)};
}

std::unique_ptr<btf::Btf> types_of(std::uint32_t id) {
  Result<btf::Btf> types = btf::Btf::from_bytes(loaded_types(id));
  return types ? std::make_unique<btf::Btf>(std::move(*types)) : nullptr;
}

std::string hint_of_bpffs() {
  const auto mount = find_mount("bpf");
  return mount ? "pins live under " + *mount
               : "no bpffs is mounted: mount -t bpf bpf /sys/fs/bpf";
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

Result<OpenedMap> OpenedMap::at_path(const std::string& path) {
  UniqueFd fd(bpf_obj_get(path.c_str()));
  if (!fd) {
    Error error = map_error("open " + path, errno);
    if (error.code == Code::not_found) error.hint = hint_of_bpffs();
    return error;
  }
  Result<OpenedMap> opened = of(std::move(fd));
  if (!opened && opened.error().code == Code::io)
    return Error{.stage = Stage::load,
                 .code = Code::invalid,
                 .message = path + " is a pin, but not of a map"};
  return opened;
}

Result<OpenedMap> OpenedMap::with_id(std::uint32_t id) {
  UniqueFd fd(bpf_map_get_fd_by_id(id));
  if (!fd) return map_error("open map " + std::to_string(id), errno);
  return of(std::move(fd));
}

Result<OpenedMap> OpenedMap::with_name(const std::string& name) {
  std::vector<OpenedMap> found;
  for (std::uint32_t id = 0; bpf_map_get_next_id(id, &id) == 0;) {
    Result<OpenedMap> opened = with_id(id);
    if (!opened) {
      if (opened.error().code == Code::not_permitted) return opened;
      continue;  // it has gone meanwhile
    }
    if (opened->map().name == name) found.push_back(std::move(*opened));
  }
  if (found.size() == 1) return std::move(found.front());
  if (found.empty()) return map_error("open a map called " + name, ENOENT);
  return Error{.stage = Stage::load,
               .code = Code::invalid,
               .message = std::to_string(found.size()) + " maps are called " + name,
               .hint = "open it by its id or its pin"};
}

Result<void> pin_map(int fd, const std::string& path) {
  const int failure = bpf_obj_pin(fd, path.c_str());
  if (failure == 0) return {};
  Error error = map_error("pin the map at " + path, -failure);
  if (error.code != Code::not_permitted) error.hint = hint_of_bpffs();
  return error;
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
