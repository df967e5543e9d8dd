#include "cache/build_id.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "base/file.h"
#include "base/unique_fd.h"

namespace ebl::cache {
namespace {

constexpr std::size_t kMostNotes = 64 << 10;

Error no_build_id(const std::string& path) {
  return {.stage = Stage::compile,
          .code = Code::not_supported,
          .message = path + " has no build ID"};
}

std::size_t padded(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

/// The build ID among ELF notes: records of sizes, name and description.
std::optional<std::string> build_id_of(std::string_view notes) {
  Elf64_Nhdr header;
  while (notes.size() >= sizeof(header)) {
    std::memcpy(&header, notes.data(), sizeof(header));
    notes.remove_prefix(sizeof(header));
    const std::size_t name_size = padded(header.n_namesz);
    const std::size_t size = padded(header.n_descsz);
    if (name_size > notes.size() || size > notes.size() - name_size) return std::nullopt;
    if (header.n_type == NT_GNU_BUILD_ID && header.n_descsz > 0 &&
        notes.substr(0, header.n_namesz) == std::string_view("GNU", 4))
      return std::string(notes.substr(name_size, header.n_descsz));
    notes.remove_prefix(name_size + size);
  }
  return std::nullopt;
}

/// `size` bytes at `offset`; fewer where the file ends.
std::string read_at(int fd, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t got = ::pread(fd, bytes.data(), size, static_cast<off_t>(offset));
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

}  // namespace

Result<std::string> kernel_build_id() {
  const std::string path = "/sys/kernel/notes";
  Result<std::string> notes = read_file(AT_FDCWD, path, kMostNotes);
  if (!notes) return notes.take_error();
  if (std::optional<std::string> id = build_id_of(*notes)) return *id;
  return no_build_id(path);
}

Result<std::string> file_build_id(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd)
    return Error{.stage = Stage::compile,
                 .code = Code::io,
                 .message = "cannot read " + path + ": " + errno_text(errno)};
  const std::string head = read_at(fd.get(), 0, sizeof(Elf64_Ehdr));
  Elf64_Ehdr file;
  if (head.size() < sizeof(file) || std::memcmp(head.data(), ELFMAG, SELFMAG) != 0)
    return no_build_id(path);
  std::memcpy(&file, head.data(), sizeof(file));
  const std::string table =
      read_at(fd.get(), file.e_phoff, std::size_t{file.e_phnum} * sizeof(Elf64_Phdr));
  for (std::size_t at = 0; at + sizeof(Elf64_Phdr) <= table.size();
       at += sizeof(Elf64_Phdr)) {
    Elf64_Phdr segment;
    std::memcpy(&segment, table.data() + at, sizeof(segment));
    if (segment.p_type != PT_NOTE || segment.p_filesz > kMostNotes) continue;
    const std::string notes = read_at(fd.get(), segment.p_offset, segment.p_filesz);
    if (std::optional<std::string> id = build_id_of(notes)) return *id;
  }
  return no_build_id(path);
}

}  // namespace ebl::cache
