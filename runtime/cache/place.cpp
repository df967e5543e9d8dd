#include "cache/place.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace ebl::cache {
namespace {

/// The variable's value where it names a directory of this user: su and sudo -E hand on
/// those of others.
std::optional<std::string> own_directory(const char* variable) {
  const char* path = ::secure_getenv(variable);
  struct stat status{};
  if (!path || path[0] != '/' || ::stat(path, &status) != 0 ||
      status.st_uid != ::geteuid())
    return std::nullopt;
  return path;
}

}  // namespace

std::optional<std::string> directory_path() {
  if (const char* wanted = ::secure_getenv("EBPF_LUA_CACHE_DIR"); wanted && *wanted)
    return wanted;
  if (::geteuid() == 0) return "/var/cache/ebpf-lua";
  if (auto base = own_directory("XDG_CACHE_HOME")) return *base + "/ebpf-lua";
  if (auto home = own_directory("HOME")) return *home + "/.cache/ebpf-lua";
  return std::nullopt;
}

}  // namespace ebl::cache
