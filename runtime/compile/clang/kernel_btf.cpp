#include "compile/clang/kernel_btf.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace ebl::compile {
namespace {

std::vector<std::byte> read_beneath(int directory, const char* name) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  UniqueFd fd(
      static_cast<int>(::syscall(SYS_openat2, directory, name, &how, sizeof(how))));
  std::vector<std::byte> bytes;
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return bytes;
  bytes.resize(static_cast<std::size_t>(status.st_size));
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::read(fd.get(), bytes.data() + filled, bytes.size() - filled);
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

std::vector<std::string> file_names(int directory) {
  std::vector<std::string> names;
  DIR* stream = ::fdopendir(::fcntl(directory, F_DUPFD_CLOEXEC, 0));
  if (!stream) return names;
  while (const dirent* entry = ::readdir(stream)) names.emplace_back(entry->d_name);
  ::closedir(stream);
  std::ranges::sort(names);  // same input, same object
  return names;
}

}  // namespace

KernelBtf::KernelBtf(const std::string& path) {
  Result<btf::Btf> kernel = btf::Btf::from_file(path);
  if (!kernel) {
    problem_ = kernel.take_error();
    return;
  }
  units_.push_back(std::make_unique<BtfUnit>(std::move(*kernel)));
  const std::filesystem::path file(path);
  folder_ = file.parent_path();
  if (file.filename() == "vmlinux")
    directory_.reset(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

void KernelBtf::read_modules() {
  modules_read_ = true;
  if (!directory_) return;
  for (const std::string& name : file_names(directory_.get())) {
    if (name == "vmlinux" || name[0] == '.') continue;
    std::vector<std::byte> bytes = read_beneath(directory_.get(), name.c_str());
    if (bytes.empty()) continue;
    ReadFile file(folder_ / name,
                  {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    Result<btf::Btf> module = btf::Btf::from_bytes(std::move(bytes), &units_[0]->btf);
    if (!module) continue;
    units_.push_back(std::make_unique<BtfUnit>(std::move(*module)));
    modules_.push_back(std::move(file));
  }
}

std::optional<UnitName> KernelBtf::find(NameSort sort, std::string_view name) {
  if (!present()) return std::nullopt;
  if (const auto named = units_[0]->index.find(sort, name)) return UnitName{0, *named};
  if (!modules_read_) read_modules();
  for (std::size_t i = 1; i < units_.size(); i++)
    if (const auto named = units_[i]->index.find(sort, name)) {
      modules_used_.insert(modules_[i - 1]);
      return UnitName{i, *named};
    }
  return std::nullopt;
}

std::vector<std::string> KernelBtf::names(NameSort sort) {
  if (present() && !modules_read_) read_modules();
  std::vector<std::string> names;
  for (const auto& unit : units_) unit->index.append_names(sort, names);
  return names;
}

bool KernelBtf::has_function(std::string_view name) {
  if (present() && !modules_read_) read_modules();
  return std::ranges::any_of(units_, [name](const auto& unit) {
    return unit->btf.find(btf::Kind::function, name).has_value();
  });
}

}  // namespace ebl::compile
