#include "load/map_tags.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <filesystem>

#include "base/mounts.h"

namespace ebl::load {
namespace {

constexpr std::string_view kTag = "ebl:";

Error map_error(const bpf_map* map, const std::string& what, int number) {
  return {.stage = Stage::load,
          .code = number == EPERM || number == EACCES ? Code::not_permitted : Code::io,
          .message = "map '" + std::string(bpf_map__name(map)) + "': " + what + ": " +
                     errno_text(number)};
}

}  // namespace

MapTags read_map_tags(const btf::Btf& types) {
  MapTags tags;
  for (btf::TypeId id = types.first_id(); id < types.type_count(); id++) {
    if (types.kind(id) != btf::Kind::declaration_tag) continue;
    const std::string_view text = types.name(id);
    const btf::TypeId variable = types.target(id);
    if (!text.starts_with(kTag) || types.kind(variable) != btf::Kind::variable) continue;
    tags.emplace(types.name(variable), text.substr(kTag.size()));
  }
  return tags;
}

Result<void> pin_at(bpf_map* map, const std::string& path) {
  if (path.starts_with("/sys/fs/bpf/"))
    if (Result<std::string> mounted = ensure_mounted("bpf", "/sys/fs/bpf"); !mounted)
      return mounted.take_error();
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  std::error_code failure;
  std::filesystem::create_directories(parent, failure);
  if (failure)
    return map_error(map, "cannot make the directory " + parent.string(),
                     failure.value());
  if (const int result = bpf_map__set_pin_path(map, path.c_str()); result != 0)
    return map_error(map, "cannot be pinned at " + path, -result);
  return {};
}

Result<void> import_map(bpf_map* declared, int fd) {
  bpf_map_info info{};
  std::uint32_t size = sizeof(info);
  if (const int result = bpf_obj_get_info_by_fd(fd, &info, &size); result != 0)
    return map_error(declared, "the map to use cannot be described", -result);
  if (info.key_size != bpf_map__key_size(declared) ||
      info.value_size != bpf_map__value_size(declared))
    return Error{
        .stage = Stage::load,
        .code = Code::invalid,
        .message =
            "map '" + std::string(bpf_map__name(declared)) +
            "' is declared with keys of " + std::to_string(bpf_map__key_size(declared)) +
            " and values of " + std::to_string(bpf_map__value_size(declared)) +
            " bytes, and the map of that name has " + std::to_string(info.key_size) +
            " and " + std::to_string(info.value_size)};
  if (const int result = bpf_map__reuse_fd(declared, fd); result != 0)
    return map_error(declared, "cannot be used here", -result);
  return {};
}

}  // namespace ebl::load
