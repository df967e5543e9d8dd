#include "compile/clang/file_system.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

namespace ebl::compile {
namespace {

namespace vfs = llvm::vfs;

constexpr std::uint64_t kLargestFile = 16u << 20;
constexpr std::string_view kMemory = "/ebl/";

int open_beneath(int directory, const char* path, unsigned flags, unsigned resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  return static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof(how)));
}

std::error_code error_of(int number) {
  // EXDEV: the path leaves the directory by `..` or a symbolic link.
  return {number == EXDEV ? EACCES : number, std::generic_category()};
}

vfs::Status status_of(const std::string& path, llvm::sys::fs::UniqueID id,
                      std::uint64_t size, llvm::sys::fs::file_type type) {
  return {path, id, llvm::sys::TimePoint<>(), 0, 0, size, type, llvm::sys::fs::all_read};
}

/// A path in memory is its own identity.
llvm::sys::fs::UniqueID memory_id(const std::string& path) {
  return {~0ull, std::hash<std::string>()(path)};
}

class MemoryFile : public vfs::File {
 public:
  MemoryFile(vfs::Status status, std::string text)
      : status_(std::move(status)), text_(std::move(text)) {}
  llvm::ErrorOr<vfs::Status> status() override { return status_; }
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> getBuffer(const llvm::Twine& name,
                                                               int64_t, bool,
                                                               bool) override {
    return llvm::MemoryBuffer::getMemBufferCopy(text_, name);
  }
  std::error_code close() override { return {}; }

 private:
  vfs::Status status_;
  std::string text_;
};

}  // namespace

SourceFileSystem::SourceFileSystem(std::span<const std::string> directories,
                                   Dialect dialect, const llvm::StringSet<>* words)
    : dialect_(dialect), words_(words) {
  for (const std::string& path : directories) {
    UniqueFd fd(open_beneath(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY, 0));
    if (fd) roots_.push_back({path.ends_with('/') ? path : path + "/", std::move(fd)});
  }
}

std::optional<std::string> SourceFileSystem::served(const std::string& path) const {
  if (path == "/ebl/own/ebl/tracepoints.h") return tracepoints_;
  std::optional<std::string> text = served_header(path);
  if (text && words_ && path.ends_with("/bpf_helper_defs.h"))
    text = select_helpers(*text, dialect_, *words_);
  return text;
}

llvm::ErrorOr<UniqueFd> SourceFileSystem::open_allowed(const std::string& path,
                                                       unsigned flags) {
  int reason = path.starts_with("/") ? EACCES : ENOENT;
  for (const Root& root : roots_) {
    if (path + "/" == root.path)
      return UniqueFd(::fcntl(root.fd.get(), F_DUPFD_CLOEXEC, 3));
    if (!path.starts_with(root.path)) continue;
    const int fd = open_beneath(root.fd.get(), path.c_str() + root.path.size(), flags,
                                RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
    if (fd >= 0) return UniqueFd(fd);
    reason = errno;
  }
  return error_of(reason);
}

llvm::ErrorOr<vfs::Status> SourceFileSystem::status(const llvm::Twine& twine) {
  const std::string path = twine.str();
  if (const auto text = served(path))
    return status_of(path, memory_id(path), text->size(),
                     llvm::sys::fs::file_type::regular_file);
  if (path == "/" || path == "." || path.empty() || (path + "/").starts_with(kMemory)) {
    if (path.ends_with(".h")) return error_of(ENOENT);
    return status_of(path, memory_id(path), 0, llvm::sys::fs::file_type::directory_file);
  }
  const llvm::ErrorOr<UniqueFd> fd = open_allowed(path, O_PATH);
  if (!fd) {
    if (path.starts_with("/") && fd.getError().value() == ENOENT)
      files_missing_.insert(std::filesystem::path(path).lexically_normal().string());
    return fd.getError();
  }
  struct stat status{};
  if (::fstat(fd->get(), &status) != 0) return error_of(errno);
  const llvm::sys::fs::UniqueID id(status.st_dev, status.st_ino);
  if (S_ISDIR(status.st_mode))
    return status_of(path, id, 0, llvm::sys::fs::file_type::directory_file);
  // Devices and pipes could block or have side effects when opened.
  if (!S_ISREG(status.st_mode)) return error_of(EPERM);
  if (static_cast<std::uint64_t>(status.st_size) > kLargestFile) return error_of(EFBIG);
  return status_of(path, id, static_cast<std::uint64_t>(status.st_size),
                   llvm::sys::fs::file_type::regular_file);
}

llvm::ErrorOr<std::unique_ptr<vfs::File>> SourceFileSystem::openFileForRead(
    const llvm::Twine& twine) {
  const std::string path = twine.str();
  llvm::ErrorOr<vfs::Status> status = this->status(twine);
  if (!status) return status.getError();
  if (auto text = served(path))
    return std::make_unique<MemoryFile>(*status, std::move(*text));
  if (!status->isRegularFile()) return error_of(EISDIR);
  const llvm::ErrorOr<UniqueFd> fd = open_allowed(path, O_RDONLY);
  if (!fd) return fd.getError();
  std::string text(status->getSize(), '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(fd->get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return error_of(errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  text.resize(filled);
  files_read_.emplace(std::filesystem::path(path).lexically_normal().string(), text);
  return std::make_unique<MemoryFile>(*status, std::move(text));
}

vfs::directory_iterator SourceFileSystem::dir_begin(const llvm::Twine&,
                                                    std::error_code& error) {
  error = error_of(EACCES);
  return {};
}

std::error_code SourceFileSystem::getRealPath(const llvm::Twine& path,
                                              llvm::SmallVectorImpl<char>& output) {
  output.clear();
  path.toVector(output);
  return {};
}

}  // namespace ebl::compile
