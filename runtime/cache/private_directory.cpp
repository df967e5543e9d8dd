#include "cache/private_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <deque>

namespace ebl::cache {
namespace {

constexpr int kMostLinks = 20;

Error refused(const std::string& place, const std::string& why) {
  return {
      .stage = Stage::compile, .code = Code::not_permitted, .message = place + " " + why};
}

Error failed(const std::string& place, const char* what) {
  return {
      .stage = Stage::compile,
      .code = Code::io,
      .message = std::string("cannot ") + what + " " + place + ": " + errno_text(errno)};
}

bool trusted(uid_t owner) {
  return owner == 0 || owner == ::geteuid();
}

/// Why nobody may be led through this directory; empty: they may.
std::string ancestor_fault(const struct stat& status) {
  if (!S_ISDIR(status.st_mode)) return "is not a directory";
  if (!trusted(status.st_uid)) return "belongs to user " + std::to_string(status.st_uid);
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) && !(status.st_mode & S_ISVTX))
    return "is writable for others";
  return {};
}

std::string own_fault(const struct stat& status) {
  if (!S_ISDIR(status.st_mode)) return "is not a directory";
  if (status.st_uid != ::geteuid())
    return "belongs to user " + std::to_string(status.st_uid);
  if (status.st_mode & (S_IRWXG | S_IRWXO))
    return "is open to others (it needs mode 0700)";
  return {};
}

/// Puts the names of `path` before the others.
void add_names(std::deque<std::string>& names, const std::string& path) {
  std::deque<std::string> added;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    if (end > at && path.compare(at, end - at, ".") != 0)
      added.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  names.insert(names.begin(), added.begin(), added.end());
}

/// A walk from / along names that are not known to be safe yet.
class Walk {
 public:
  Result<UniqueFd> to(const std::string& path) {
    add_names(names_, path);
    if (Result<void> begun = restart(); !begun) return begun.take_error();
    if (names_.empty()) return refused("/", "is no place for a cache");
    while (names_.size() > 1)
      if (Result<void> done = step(); !done) return done.take_error();
    return last();
  }

 private:
  Result<void> restart() {
    at_.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    place_.clear();
    return at_ ? Result<void>() : failed("/", "open");
  }

  /// The next name, opened without following it.
  Result<UniqueFd> open_next(mode_t mode, int flags) {
    const std::string& name = names_.front();
    UniqueFd fd(::openat(at_.get(), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC));
    if (!fd && errno == ENOENT) {
      if (::mkdirat(at_.get(), name.c_str(), mode) != 0 && errno != EEXIST)
        return failed(next_place(), "make");
      fd.reset(::openat(at_.get(), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC));
    }
    if (!fd) return failed(next_place(), "open");
    return fd;
  }

  Result<void> step() {
    Result<UniqueFd> next = open_next(0755, O_PATH);
    if (!next) return next.take_error();
    struct stat status{};
    if (::fstat(next->get(), &status) != 0) return failed(next_place(), "inspect");
    if (S_ISLNK(status.st_mode)) return follow(next->get(), status);
    if (const std::string fault = ancestor_fault(status); !fault.empty())
      return refused(next_place(), fault);
    place_ = next_place();
    at_ = std::move(*next);
    names_.pop_front();
    return {};
  }

  Result<void> follow(int link, const struct stat& status) {
    if (!trusted(status.st_uid))
      return refused(next_place(), "is a link of user " + std::to_string(status.st_uid));
    if (++links_ > kMostLinks) return refused(next_place(), "is one of too many links");
    char target[PATH_MAX];
    const ssize_t size = ::readlinkat(link, "", target, sizeof(target));
    if (size <= 0) return failed(next_place(), "read");
    names_.pop_front();
    const std::string path(target, static_cast<std::size_t>(size));
    add_names(names_, path);
    return path.front() == '/' ? restart() : Result<void>();
  }

  Result<UniqueFd> last() {
    Result<UniqueFd> directory = open_next(0700, O_RDONLY | O_DIRECTORY);
    if (!directory) return directory;
    struct stat status{};
    if (::fstat(directory->get(), &status) != 0) return failed(next_place(), "inspect");
    if (const std::string fault = own_fault(status); !fault.empty())
      return refused(next_place(), fault);
    return directory;
  }

  std::string next_place() const { return place_ + "/" + names_.front(); }

  UniqueFd at_;
  std::string place_;
  std::deque<std::string> names_;
  int links_ = 0;
};

}  // namespace

Result<UniqueFd> open_private_directory(const std::string& path) {
  if (path.empty() || path.front() != '/')
    return refused("'" + path + "'", "is not an absolute path");
  return Walk().to(path);
}

}  // namespace ebl::cache
