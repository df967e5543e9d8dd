#include "attach/uprobe_multi.h"

#include <fmt/format.h>

#include <cerrno>

#include "attach/holders.h"
#include "attach/sift.h"
#include "attach/user_place.h"

namespace ebl::attach {
namespace {

constexpr std::uint32_t multi_return = 1;  // BPF_F_UPROBE_MULTI_RETURN

/// Of a link that cannot be made on one place of `path`.
int errno_of(int program, bpf_attach_type type, const char* path, std::uint32_t pid) {
  const std::uint64_t offset = 0;
  LinkRequest request{.type = static_cast<std::uint32_t>(type)};
  request.uprobe_multi = {.path = reinterpret_cast<std::uintptr_t>(path),
                          .offsets = reinterpret_cast<std::uintptr_t>(&offset),
                          .semaphores = 0,
                          .cookies = 0,
                          .count = 1,
                          .flags = 0,
                          .pid = pid};
  return create_link(program, request) ? 0 : errno;
}

bool try_type(bpf_attach_type type) {
  const UniqueFd program = load_smallest(BPF_PROG_TYPE_KPROBE, type);
  if (!program) return false;  // the load of the real one will say why
  // A kernel that knows the type looks at the path, and a folder has no code. One that
  // takes a process for a thread looks for -1, where others see that it is none.
  constexpr auto nobody = static_cast<std::uint32_t>(-1);
  return errno_of(program.get(), type, "/", 0) == EBADF &&
         errno_of(program.get(), type, "/proc/self/exe", nobody) == EINVAL;
}

}  // namespace

bool has_uprobe_multi(bpf_attach_type type) {
  static const bool multi = try_type(type_uprobe_multi);
  static const bool session = try_type(type_uprobe_session);
  return type == type_uprobe_session ? session : multi;
}

Holding attach_uprobe_multi(load::Program program, bpf_attach_type type, bool returns,
                            const UserPlaces& all, const ProbeSpec& spec,
                            const Options& options) {
  const auto attach = [&](std::span<const UserPlace> places) {
    std::vector<std::uint64_t> offsets, cookies;
    bool any_cookie = false;
    for (const UserPlace& place : places) {
      offsets.push_back(place.offset);
      cookies.push_back(place.cookie);
      any_cookie |= place.cookie != 0;
    }
    LinkRequest request{.type = static_cast<std::uint32_t>(type)};
    request.uprobe_multi = {
        .path = reinterpret_cast<std::uintptr_t>(all.path.c_str()),
        .offsets = reinterpret_cast<std::uintptr_t>(offsets.data()),
        .semaphores = 0,
        .cookies = any_cookie ? reinterpret_cast<std::uintptr_t>(cookies.data()) : 0,
        .count = static_cast<std::uint32_t>(places.size()),
        .flags = returns ? multi_return : 0,
        .pid = static_cast<std::uint32_t>(options.pid.value_or(0))};
    return create_link(program, request);
  };
  std::span<const UserPlace> places = all.places;
  UniqueFd link = attach(places);
  std::vector<UserPlace> good;
  if (!link && places.size() > 1 && blames_the_place(errno)) {
    const int error = errno;
    good = sift(places, attach, blames_the_place);
    places = good;
    if (good.empty()) return uprobe_refused(spec, error);
    link = attach(places);
  }
  if (!link) return uprobe_refused(spec, errno);
  return Holding(std::make_unique<ManyHolder>(
      std::move(link),
      FunctionCount{.attached = places.size(),
                    .left_out = all.left_out + all.places.size() - places.size()}));
}

}  // namespace ebl::attach
