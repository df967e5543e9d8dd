#include "load/kernel_objects.h"

#include <bpf/bpf.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/mounts.h"
#include "base/permissions.h"

namespace ebl::load {
namespace {

template <typename Info>
std::string name_of(int descriptor) {
  Info info{};
  std::uint32_t size = sizeof info;
  const bool told = ::bpf_obj_get_info_by_fd(descriptor, &info, &size) == 0;
  return told ? info.name : "";
}

Error refused(const std::string& what, int error, Capability needed) {
  if (error == EPERM || error == EACCES)
    return explain_permission(Stage::load, what, error, {&needed, 1});
  return {.stage = Stage::load,
          .code = error == ENOENT ? Code::not_found : Code::io,
          .message = "cannot " + what + ": " + errno_text(error)};
}

/// Whether a file is, or would be, in a bpffs. The kernel says only EACCES or EPERM where
/// it is not, as if a privilege were missing.
bool in_bpffs(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
  struct statfs system{};
  return ::statfs(folder.c_str(), &system) != 0 || system.f_type == BPF_FS_MAGIC;
}

Error refused_path(const std::string& what, const std::string& path, int error,
                   Capability needed) {
  const auto mount = find_mount("bpf");
  const std::string hint = mount ? "pins live under " + *mount
                                 : "no bpffs is mounted: mount -t bpf bpf /sys/fs/bpf";
  if ((error == EPERM || error == EACCES) && !in_bpffs(path))
    return {.stage = Stage::load,
            .code = Code::invalid,
            .message = "cannot " + what + ": it is not in a bpffs",
            .hint = hint};
  // A bpffs keeps names with a dot for itself, and says EPERM.
  if (error == EPERM && path.find('.', path.rfind('/') + 1) != path.npos)
    return {.stage = Stage::load,
            .code = Code::invalid,
            .message = "cannot " + what + ": a name in a bpffs has no '.'",
            .hint = "use '_' or '-'"};
  Error told = refused(what, error, needed);
  if (told.code != Code::not_permitted) told.hint = hint;
  return told;
}

/// What a link of /proc shows; empty where it cannot be read.
std::string target_of(const std::string& path) {
  char target[64];
  const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : "";
}

}  // namespace

const ObjectKind program_kind = {"program",
                                 "anon_inode:bpf-prog",
                                 "prog_id:",
                                 ::bpf_prog_get_next_id,
                                 ::bpf_prog_get_fd_by_id,
                                 name_of<bpf_prog_info>};
const ObjectKind map_kind = {"map",
                             "anon_inode:bpf-map",
                             "map_id:",
                             ::bpf_map_get_next_id,
                             ::bpf_map_get_fd_by_id,
                             name_of<bpf_map_info>};
const ObjectKind link_kind = {"link",
                              "anon_inode:bpf_link",
                              "link_id:",
                              ::bpf_link_get_next_id,
                              ::bpf_link_get_fd_by_id,
                              nullptr};

Result<UniqueFd> open_pinned(const ObjectKind& kind, const std::string& path) {
  UniqueFd fd(::bpf_obj_get(path.c_str()));
  if (!fd) return refused_path("open " + path, path, errno, Capability::sys_admin);
  if (target_of("/proc/self/fd/" + std::to_string(fd.get())) != kind.descriptor)
    return Error{.stage = Stage::load,
                 .code = Code::invalid,
                 .message = path + " keeps no " + std::string(kind.word)};
  return fd;
}

Result<UniqueFd> open_with_id(const ObjectKind& kind, std::uint32_t id) {
  UniqueFd fd(kind.open(id));
  if (fd) return fd;
  return refused("open " + std::string(kind.word) + " " + std::to_string(id), errno,
                 Capability::sys_admin);
}

Result<UniqueFd> open_with_name(const ObjectKind& kind, const std::string& name) {
  const std::string word(kind.word), kept = name.substr(0, BPF_OBJ_NAME_LEN - 1);
  std::vector<UniqueFd> found;
  std::string ids;
  for (std::uint32_t id = 0; kind.next_id(id, &id) == 0;) {
    Result<UniqueFd> fd = open_with_id(kind, id);
    if (!fd && fd.error().code != Code::not_found) return fd;  // else it has gone
    if (!fd || kind.name_of(fd->get()) != kept) continue;
    found.push_back(std::move(*fd));
    ids += (ids.empty() ? "" : ", ") + std::to_string(id);
  }
  if (found.size() == 1) return std::move(found.front());
  if (!found.empty())
    return Error{
        .stage = Stage::load,
        .code = Code::invalid,
        .message = std::to_string(found.size()) + " " + word + "s are called " + name,
        .hint = "name one by its id: " + ids};
  return refused("open a " + word + " called " + name, errno, Capability::sys_admin);
}

Result<void> pin(int descriptor, const std::string& what, const std::string& path) {
  if (::bpf_obj_pin(descriptor, path.c_str()) == 0) return {};
  return refused_path("pin " + what + " at " + path, path, errno, Capability::bpf);
}

}  // namespace ebl::load
