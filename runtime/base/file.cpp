#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/unique_fd.h"

namespace ebl {
namespace {

Error unreadable(const std::string& path, const std::string& why) {
  return {.stage = Stage::read,
          .code = Code::io,
          .message = "cannot read " + path + ": " + why};
}

}  // namespace

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

Result<std::string> read_open_file(int fd, const std::string& path, std::size_t most) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return unreadable(path, errno_text(errno));
  std::string bytes;
  std::size_t filled = 0;
  const auto expected = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
  bytes.resize(std::min(std::max<std::size_t>(expected, 4095) + 1, most + 1));
  for (;;) {
    const ssize_t got = ::read(fd, bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path, errno_text(errno));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    if (filled > most) return unreadable(path, "it is larger than expected");
    if (filled == bytes.size()) bytes.resize(std::min(2 * filled, most + 1));
  }
  bytes.resize(filled);
  return bytes;
}

Result<std::string> read_file(int directory, const std::string& path, std::size_t most) {
  const UniqueFd fd(
      ::openat(directory, path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return unreadable(path, errno_text(errno));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return unreadable(path, errno_text(errno));
  if (!S_ISREG(status.st_mode)) return unreadable(path, "it is not a regular file");
  return read_open_file(fd.get(), path, most);
}

}  // namespace ebl
