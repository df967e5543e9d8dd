// Where BTF bytes come from: raw files under /sys/kernel/btf and the .BTF section of ELF
// files.
#include <elf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cstdlib>
#include <cstring>

#include "base/unique_fd.h"
#include "btf/btf.h"

namespace ebl::btf {
namespace {

constexpr std::size_t kLargestFile = 512u << 20;

Error unreadable(const std::string& path, const std::string& why) {
  Error error{.stage = Stage::load,
              .code = Code::not_supported,
              .message = "cannot read kernel types (BTF) from " + path + ": " + why};
  error.hint =
      path == "/sys/kernel/btf/vmlinux"
          ? "this kernel was built without CONFIG_DEBUG_INFO_BTF (or is older than "
            "5.8); pass the kernel's BTF with --btf FILE or EBPF_LUA_BTF"
          : "pass a raw BTF file or an ELF file with a .BTF section; unset EBPF_LUA_BTF "
            "to use the kernel's own";
  return error;
}

/// The bytes of a file and what keeps them.
struct Content {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

/// Maps a file of sysfs, which nobody can cut short: no copy, and no page faults. Linux
/// 6.16 and later; nothing otherwise.
std::optional<Content> map_kernel_file(int fd, std::size_t size) {
  struct statfs file_system{};
  if (::fstatfs(fd, &file_system) != 0 || file_system.f_type != SYSFS_MAGIC || size == 0)
    return std::nullopt;
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (memory == MAP_FAILED) return std::nullopt;
  std::shared_ptr<const void> owner(
      memory, [size](const void* at) { ::munmap(const_cast<void*>(at), size); });
  return Content{{static_cast<const std::byte*>(memory), size}, std::move(owner)};
}

Result<Content> read_whole(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return unreadable(path, errno_text(errno));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return unreadable(path, errno_text(errno));
  if (!S_ISREG(status.st_mode)) return unreadable(path, "not a regular file");
  if (static_cast<std::size_t>(status.st_size) > kLargestFile)
    return unreadable(path, "larger than 512 MiB");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (std::optional<Content> mapped = map_kernel_file(fd.get(), size)) return *mapped;
  std::vector<std::byte> bytes(size);
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::read(fd.get(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path, errno_text(errno));
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return Content{*owner, owner};
}

bool range_fits(std::uint64_t offset, std::uint64_t size, std::size_t limit) {
  return offset <= limit && size <= limit - offset;
}

/// The .BTF section of a 64-bit ELF file; empty where there is none.
std::span<const std::byte> btf_section(std::span<const std::byte> file) {
  Elf64_Ehdr header;
  if (file.size() < sizeof(header)) return {};
  std::memcpy(&header, file.data(), sizeof(header));
  if (!range_fits(header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr),
                  file.size()) ||
      header.e_shstrndx >= header.e_shnum)
    return {};
  auto section = [&](std::size_t index) {
    Elf64_Shdr out;
    std::memcpy(&out, file.data() + header.e_shoff + index * sizeof(out), sizeof(out));
    return out;
  };
  const Elf64_Shdr names = section(header.e_shstrndx);
  if (!range_fits(names.sh_offset, names.sh_size, file.size())) return {};
  const std::string_view strings(
      reinterpret_cast<const char*>(file.data()) + names.sh_offset, names.sh_size);
  for (std::size_t i = 0; i < header.e_shnum; i++) {
    const Elf64_Shdr candidate = section(i);
    if (candidate.sh_name >= strings.size()) continue;
    const std::string_view rest = strings.substr(candidate.sh_name);
    if (rest.substr(0, rest.find('\0')) != ".BTF") continue;
    if (!range_fits(candidate.sh_offset, candidate.sh_size, file.size())) return {};
    return file.subspan(candidate.sh_offset, candidate.sh_size);
  }
  return {};
}

}  // namespace

Result<Btf> Btf::from_bytes(std::vector<std::byte> bytes, const Btf* base) {
  auto owned = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  Result<Btf> btf = parse(*owned, base);
  if (btf) btf->owned_ = std::move(owned);
  return btf;
}

Result<Btf> Btf::from_file(const std::string& path, const Btf* base) {
  Result<Content> read = read_whole(path);
  if (!read) return read.take_error();
  std::span<const std::byte> content = read->bytes;
  if (content.size() >= SELFMAG && std::memcmp(content.data(), ELFMAG, SELFMAG) == 0) {
    content = btf_section(content);
    if (content.empty()) return unreadable(path, "it has no .BTF section");
  }
  Result<Btf> btf = parse(content, base);
  if (!btf) return unreadable(path, btf.error().message);
  btf->owned_ = std::move(read->owner);
  return btf;
}

std::string kernel_btf_path() {
  const char* replacement = std::getenv("EBPF_LUA_BTF");
  return replacement && *replacement ? replacement : "/sys/kernel/btf/vmlinux";
}

}  // namespace ebl::btf
