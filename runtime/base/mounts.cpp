#include "base/mounts.h"

#include <sys/mount.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>

namespace ebl {
namespace {

/// Blanks and backslashes in a mount point are written as \ooo.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); i++) {
    unsigned value = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(digits, digits + 3, value, 8).ptr == digits + 3) {
      out += static_cast<char>(value);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::vector<Mount> parse_mounts(std::string_view text) {
  std::vector<Mount> mounts;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string source, point, type;
    if (fields >> source >> point >> type) mounts.push_back({type, unescape(point)});
  }
  return mounts;
}

std::optional<std::string> find_mount(std::string_view type) {
  std::ifstream file("/proc/self/mounts");
  std::stringstream text;
  text << file.rdbuf();
  for (const Mount& mount : parse_mounts(text.view()))
    if (mount.type == type) return mount.point;
  return std::nullopt;
}

Result<std::string> ensure_mounted(const std::string& type, const std::string& point) {
  if (const auto found = find_mount(type)) return *found;
  if (::mount(type.c_str(), point.c_str(), type.c_str(), 0, nullptr) == 0) return point;
  const int error = errno;
  const std::string command = "mount -t " + type + " " + type + " " + point;
  if (error == EPERM || error == EACCES)
    return Error{.stage = Stage::attach,
                 .code = Code::not_permitted,
                 .message = type + " is not mounted, and mounting it takes CAP_SYS_ADMIN",
                 .hint = "run once as root: " + command};
  if (error == ENODEV)
    return Error{.stage = Stage::attach,
                 .code = Code::not_supported,
                 .message = "this kernel was built without " + type};
  return Error{
      .stage = Stage::attach,
      .code = Code::io,
      .message = "cannot mount " + type + " at " + point + ": " + errno_text(error),
      .hint = "run once as root: " + command};
}

}  // namespace ebl
