#include "attach/user_place.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "attach/function_set.h"
#include "attach/perf_event.h"
#include "symbols/library.h"

namespace ebl::attach {
namespace {

constexpr int kernel_not_supported = 524;  // ENOTSUPP, which user space does not name

/// The file as that process sees it: in a container, a path means another file.
std::string seen_by(int pid, const std::string& path) {
  struct stat own, other;
  const std::string process = fmt::format("/proc/{}", pid);
  const bool same = ::stat("/proc/self/ns/mnt", &own) == 0 &&
                    ::stat((process + "/ns/mnt").c_str(), &other) == 0 &&
                    own.st_ino == other.st_ino;
  return same || !path.starts_with('/') ? path : process + "/root" + path;
}

/// The file that the process has mapped under that name: "libc" is libc.so.6. Empty where
/// it has none.
std::string mapped_by(int pid, const std::string& name) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  for (std::string line; std::getline(maps, line);) {
    const std::size_t path = line.find('/');
    if (path == std::string::npos) continue;
    const std::string_view file = std::string_view(line).substr(line.rfind('/') + 1);
    const bool is_library = file.starts_with(name) && file.find(".so") == name.size();
    if (file == name || is_library) return line.substr(path);
  }
  return "";
}

}  // namespace

Result<std::string> user_binary(const ProbeSpec& spec, const Options& options) {
  if (options.pid && ::access(fmt::format("/proc/{}", *options.pid).c_str(), F_OK) != 0)
    return attach_error(Code::not_found,
                        fmt::format("there is no process {}", *options.pid));
  if (options.pid && spec.binary.find('/') == std::string::npos)
    if (std::string path = mapped_by(*options.pid, spec.binary); !path.empty())
      return seen_by(*options.pid, path);
  Result<std::string> path = symbols::find_binary(spec.binary);
  if (!path || !options.pid) return path;
  return seen_by(*options.pid, *path);
}

Result<std::uint32_t> uprobe_unit(const ProbeSpec& spec) {
  if (const auto unit = perf_unit("uprobe")) return *unit;
  return attach_error(
      Code::not_supported,
      fmt::format("cannot attach to {}: this kernel was built without uprobes "
                  "(CONFIG_UPROBE_EVENTS)",
                  spec.text()));
}

Error place_error(const ProbeSpec& spec, Error error) {
  error.stage = Stage::attach;
  error.message = fmt::format("{}: {}", short_text(spec), error.message);
  return error;
}

bool blames_the_place(int error_number) {
  return error_number == EINVAL || error_number == EIO || error_number == EOPNOTSUPP ||
         error_number == ENOEXEC || error_number == kernel_not_supported;
}

Error uprobe_refused(const ProbeSpec& spec, int error_number) {
  if (blames_the_place(error_number))
    return attach_error(
        Code::not_supported,
        fmt::format("the kernel refuses {}: {}", short_text(spec),
                    errno_text(error_number)),
        "the instruction there cannot be probed, or the file system cannot be mapped");
  return attach_errno(spec, error_number, {Capability::perfmon});
}

}  // namespace ebl::attach
