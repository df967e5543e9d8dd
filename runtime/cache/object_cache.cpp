#include "cache/object_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>

#include "base/fields.h"
#include "base/file.h"
#include "cache/digest.h"
#include "cache/private_directory.h"

namespace ebl::cache {
namespace {

constexpr std::string_view kUnfinished = ".new-";
constexpr std::int64_t kUnfinishedSeconds = 60;  // past that, its writer was killed
constexpr std::int64_t kTouchSeconds = 3600;     // how exact the time of use is
constexpr std::uint64_t kLargestShare = 4;       // of the limit, for one entry

bool is_key(std::string_view name) {
  return name.size() == 32 &&
         name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Why a file must not be loaded; empty: it may.
std::string fault_of(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return "is not a regular file";
  if (status.st_uid != ::geteuid())
    return "belongs to user " + std::to_string(status.st_uid);
  if (status.st_mode & (S_IRWXG | S_IRWXO)) return "is open to others";
  return {};
}

}  // namespace

std::string key_of(const std::vector<std::string_view>& fields) {
  Writer writer;
  for (const std::string_view field : fields) writer.text(field);
  return digest(writer.bytes());
}

Error ObjectCache::failed(const std::string& what) const {
  return {.stage = Stage::compile,
          .code = Code::io,
          .message = "cannot " + what + " in " + path_ + ": " + errno_text(errno)};
}

Result<ObjectCache> ObjectCache::open(const std::string& directory, std::uint64_t limit) {
  Result<UniqueFd> fd = open_private_directory(directory);
  if (!fd) return fd.take_error();
  return ObjectCache(directory, std::move(*fd), limit);
}

Result<std::optional<Entry>> ObjectCache::find(const std::string& key) const {
  const UniqueFd fd(::openat(directory_.get(), key.c_str(),
                             O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::optional<Entry>();
  if (!fd) return failed("open an entry");
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return failed("inspect an entry");
  const std::string path = path_ + "/" + key;
  if (const std::string fault = fault_of(status); !fault.empty())
    return Error{.stage = Stage::compile,
                 .code = Code::not_permitted,
                 .message = path + " " + fault};
  const Result<std::string> bytes = read_open_file(fd.get(), path, limit_);
  if (!bytes) return bytes.error();
  Result<Entry> entry = decode(key, *bytes);
  if (!entry) {
    Error error = entry.take_error();
    error.message = path + ": " + error.message;
    return error;
  }
  if (!up_to_date(*entry)) return std::optional<Entry>();
  if (std::time(nullptr) - status.st_mtime > kTouchSeconds) ::futimens(fd.get(), nullptr);
  return std::optional<Entry>(std::move(*entry));
}

Result<void> ObjectCache::store(const std::string& key, const Entry& entry) const {
  const std::string bytes = encode(key, entry);
  if (bytes.size() > limit_ / kLargestShare) return {};
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof(number), 0) != sizeof(number))
    return failed("name a file");
  const std::string name = std::string(kUnfinished) + std::to_string(number);
  UniqueFd fd(::openat(directory_.get(), name.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return failed("make a file");
  if (!write_all(fd.get(), bytes) || ::fsync(fd.get()) != 0 ||
      ::renameat(directory_.get(), name.c_str(), directory_.get(), key.c_str()) != 0) {
    Error error = failed("write an entry");
    ::unlinkat(directory_.get(), name.c_str(), 0);
    return error;
  }
  evict();
  return {};
}

Result<std::vector<ObjectCache::File>> ObjectCache::entries() const {
  const UniqueFd again(
      ::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(
      again ? ::fdopendir(::fcntl(again.get(), F_DUPFD_CLOEXEC, 0)) : nullptr,
      [](DIR* open) { return ::closedir(open); });
  if (!stream) return failed("list the entries");
  std::vector<File> out;
  while (const dirent* item = ::readdir(stream.get())) {
    const std::string_view name = item->d_name;
    const bool unfinished = name.starts_with(kUnfinished);
    struct stat status{};
    if ((!unfinished && !is_key(name)) ||
        ::fstatat(directory_.get(), item->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    if (!unfinished)
      out.push_back({std::string(name), static_cast<std::uint64_t>(status.st_size),
                     status.st_mtime});
    else if (std::time(nullptr) - status.st_mtime > kUnfinishedSeconds)
      ::unlinkat(directory_.get(), item->d_name, 0);
  }
  return out;
}

void ObjectCache::evict() const {
  Result<std::vector<File>> files = entries();
  if (!files) return;
  std::uint64_t total = 0;
  for (const File& file : *files) total += file.bytes;
  if (total <= limit_) return;
  std::ranges::sort(*files, {}, &File::used);
  for (const File& file : *files) {  // a quarter more than needed, or every store evicts
    if (total <= limit_ / 4 * 3) return;
    if (::unlinkat(directory_.get(), file.name.c_str(), 0) == 0) total -= file.bytes;
  }
}

Result<Statistics> ObjectCache::statistics() const {
  Result<std::vector<File>> files = entries();
  if (!files) return files.take_error();
  Statistics out{.entries = files->size(), .limit = limit_};
  for (const File& file : *files) out.bytes += file.bytes;
  return out;
}

Result<std::size_t> ObjectCache::clear() const {
  Result<std::vector<File>> files = entries();
  if (!files) return files.take_error();
  for (const File& file : *files)
    if (::unlinkat(directory_.get(), file.name.c_str(), 0) != 0 && errno != ENOENT)
      return failed("remove an entry");
  return files->size();
}

}  // namespace ebl::cache
