#include "load/map_reuse.h"

#include <bpf/bpf.h>

#include "base/unique_fd.h"
#include "load/map_ops.h"

namespace ebl::load {
namespace {

/// `which` map it is: "exists".
Error refusal(const bpf_map* declared, const std::string& which, Code code,
              const std::string& why, std::string hint = "") {
  return Error{.stage = Stage::load,
               .code = code,
               .message = "map '" + std::string(bpf_map__name(declared)) +
                          "' cannot use the map that " + which + ": " + why,
               .hint = std::move(hint)};
}

std::string difference(const bpf_map* declared, const bpf_map_info& found) {
  if (const std::uint32_t type = bpf_map__type(declared); type != found.type)
    return "it is a " + map_type_name(found.type) + ", not a " + map_type_name(type);
  // The kernel adds this one by itself: programs cannot write to a devmap.
  const bool devmap =
      found.type == BPF_MAP_TYPE_DEVMAP || found.type == BPF_MAP_TYPE_DEVMAP_HASH;
  const std::uint32_t own_flags = devmap ? BPF_F_RDONLY_PROG : 0;
  const struct {
    const char* what;
    std::uint32_t wanted, found;
  } properties[] = {
      {"bytes of a key", bpf_map__key_size(declared), found.key_size},
      {"bytes of a value", bpf_map__value_size(declared), found.value_size},
      {"entries", bpf_map__max_entries(declared), found.max_entries},
      {"flags", bpf_map__map_flags(declared), found.map_flags & ~own_flags},
  };
  for (const auto& property : properties) {
    // A perf buffer may leave its number of entries to the number of CPUs.
    const bool chosen_at_load = property.wanted == 0 && property.found != 0 &&
                                property.what == std::string_view("entries");
    if (property.wanted != property.found && !chosen_at_load)
      return std::string(property.what) + ": " + std::to_string(property.found) +
             " there, " + std::to_string(property.wanted) + " here";
  }
  return {};
}

}  // namespace

Result<void> reuse_map(bpf_map* declared, int fd) {
  bpf_map_info found{};
  __u32 size = sizeof(found);
  if (const int failure = bpf_obj_get_info_by_fd(fd, &found, &size); failure != 0)
    return refusal(declared, "exists", Code::io, errno_text(-failure));
  if (std::string why = difference(declared, found); !why.empty())
    return refusal(declared, "exists", Code::invalid, why);
  if (const int failure = bpf_map__reuse_fd(declared, fd); failure != 0)
    return refusal(declared, "exists", Code::io, errno_text(-failure));
  return {};
}

Result<void> check_pin(const bpf_map* declared) {
  const char* path = bpf_map__pin_path(declared);
  const UniqueFd pinned(path ? bpf_obj_get(path) : -1);
  bpf_map_info found{};
  __u32 size = sizeof(found);
  if (!pinned || bpf_obj_get_info_by_fd(pinned.get(), &found, &size) != 0) return {};
  const std::string why = difference(declared, found);
  if (why.empty()) return {};
  return refusal(declared, std::string("is pinned at ") + path, Code::invalid, why,
                 "declare it as that one is, or remove the pin");
}

}  // namespace ebl::load
