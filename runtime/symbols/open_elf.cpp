#include "symbols/open_elf.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

namespace ebl::symbols {
namespace {

Error failed(Code code, std::string message, std::string hint = "") {
  return Error{.stage = Stage::symbols,
               .code = code,
               .message = std::move(message),
               .hint = std::move(hint)};
}

Error open_error(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR)
    return failed(Code::not_found, fmt::format("there is no file {}", path));
  if (error == EACCES || error == EPERM)
    return failed(Code::not_permitted, fmt::format("no permission to read {}", path));
  return failed(Code::io, fmt::format("cannot read {}: {}", path, errno_text(error)));
}

}  // namespace

Result<OpenElf> OpenElf::open(const std::string& path) {
  OpenElf file;
  file.fd_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.fd_) return open_error(path, errno);
  struct stat status;
  if (::fstat(file.fd_.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return failed(Code::invalid, fmt::format("{} is not a file", path));
  elf_version(EV_CURRENT);
  file.elf_.reset(elf_begin(file.fd_.get(), ELF_C_READ_MMAP, nullptr));
  if (!file.elf_ || elf_kind(file.elf_.get()) != ELF_K_ELF ||
      !gelf_getehdr(file.elf_.get(), &file.header_))
    return failed(Code::invalid, fmt::format("{} is not an ELF file", path),
                  "name the program or library itself, not a script around it");
  return file;
}

}  // namespace ebl::symbols
