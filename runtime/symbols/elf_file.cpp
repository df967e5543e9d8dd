#include "symbols/elf_file.h"

#include <fmt/format.h>
#include <gelf.h>

#include <algorithm>
#include <unordered_set>

#include "base/nearest.h"
#include "symbols/open_elf.h"

namespace ebl::symbols {
namespace {

constexpr GElf_Versym version_hidden = 0x8000;

/// The versions of the dynamic symbols; null where the file has none.
Elf_Data* versions_of(Elf* elf) {
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section));) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) && header.sh_type == SHT_GNU_versym)
      return elf_getdata(section, nullptr);
  }
  return nullptr;
}

Error failed(Code code, std::string message, std::string hint = "") {
  return Error{.stage = Stage::symbols,
               .code = code,
               .message = std::move(message),
               .hint = std::move(hint)};
}

}  // namespace

Result<ElfFile> ElfFile::open(const std::string& path) {
  const Result<OpenElf> file = OpenElf::open(path);
  if (!file) return file.error();
  Elf* elf = file->elf();

  ElfFile out;
  out.path_ = path;
  std::size_t count = 0;
  elf_getphdrnum(elf, &count);
  for (std::size_t i = 0; i < count; i++) {
    GElf_Phdr segment;
    if (!gelf_getphdr(elf, static_cast<int>(i), &segment)) continue;
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X))
      out.segments_.push_back({segment.p_vaddr, segment.p_filesz, segment.p_offset});
  }
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section));) {
    GElf_Shdr table;
    if (!gelf_getshdr(section, &table)) continue;
    if (table.sh_type != SHT_SYMTAB && table.sh_type != SHT_DYNSYM) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    if (!data || table.sh_entsize == 0) continue;
    Elf_Data* versions = table.sh_type == SHT_DYNSYM ? versions_of(elf) : nullptr;
    for (std::size_t i = 0; i < table.sh_size / table.sh_entsize; i++) {
      GElf_Sym symbol;
      if (!gelf_getsym(data, static_cast<int>(i), &symbol)) continue;
      const int type = GELF_ST_TYPE(symbol.st_info);
      if (type != STT_FUNC && type != STT_GNU_IFUNC) continue;
      if (symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0) continue;
      const char* name = elf_strptr(elf, table.sh_link, symbol.st_name);
      if (!name || !*name) continue;
      GElf_Versym version = 0;
      const bool hidden = versions &&
                          gelf_getversym(versions, static_cast<int>(i), &version) &&
                          (version & version_hidden);
      // In .symtab the version is a part of the name: "name@OLD", "name@@DEFAULT".
      const std::string_view whole = name;
      const std::size_t at = whole.find('@');
      const bool old = hidden || (at != whole.npos && whole.substr(at, 2) != "@@");
      out.symbols_.push_back({std::string(whole.substr(0, at)), symbol.st_value,
                              symbol.st_size, type == STT_GNU_IFUNC, old});
    }
  }
  std::ranges::stable_sort(out.symbols_, [](const Symbol& a, const Symbol& b) {
    const int order = a.name.compare(b.name);
    return order != 0 ? order < 0 : a.old_version < b.old_version;
  });
  return out;
}

Result<const ElfFile::Symbol*> ElfFile::find(std::string_view name) const {
  name = name.substr(0, name.find('@'));
  const auto symbol = std::ranges::lower_bound(symbols_, name, {}, &Symbol::name);
  if (symbol == symbols_.end() || symbol->name != name) {
    std::string hint = symbols_.empty()
                           ? "the file is stripped of all symbols: give an address "
                             "(uprobe:FILE:0x1234)"
                           : did_you_mean(name, function_names());
    if (hint.empty()) hint = "it may be inlined, or in another library";
    return failed(Code::not_found, fmt::format("{} has no function {}", path_, name),
                  std::move(hint));
  }
  if (symbol->chosen_at_run_time)
    return failed(
        Code::not_supported,
        fmt::format("{} in {} is chosen by the dynamic linker for this CPU (IFUNC)", name,
                    path_),
        "probe one of its variants by name, or by address");
  return &*symbol;
}

Result<std::uint64_t> ElfFile::address_of(std::string_view name) const {
  const Result<const Symbol*> symbol = find(name);
  if (!symbol) return symbol.error();
  return (*symbol)->address;
}

Result<std::uint64_t> ElfFile::offset_of(std::string_view name,
                                         std::uint64_t offset) const {
  const Result<const Symbol*> found = find(name);
  if (!found) return found.error();
  const Symbol* const symbol = *found;
  if (offset > 0 && symbol->size > 0 && offset >= symbol->size)
    return failed(Code::invalid, fmt::format("{} in {} is only {} bytes long", name,
                                             path_, symbol->size));
  return offset_of_address(symbol->address + offset);
}

Result<std::uint64_t> ElfFile::offset_of_address(std::uint64_t address) const {
  for (const Segment& segment : segments_)
    if (address >= segment.address && address - segment.address < segment.size)
      return address - segment.address + segment.offset;
  return failed(Code::not_found, fmt::format("{} has no code at {:#x}", path_, address));
}

std::vector<std::pair<std::string, std::uint64_t>> ElfFile::function_offsets(
    const std::function<bool(const std::string&)>& wanted) const {
  std::vector<std::pair<std::string, std::uint64_t>> found;
  std::unordered_set<std::uint64_t> seen;
  for (const Symbol& symbol : symbols_) {
    if (symbol.chosen_at_run_time || !wanted(symbol.name)) continue;
    const Result<std::uint64_t> offset = offset_of_address(symbol.address);
    if (offset && seen.insert(*offset).second) found.emplace_back(symbol.name, *offset);
  }
  return found;
}

std::vector<std::string> ElfFile::function_names() const {
  std::vector<std::string> names;
  for (const Symbol& symbol : symbols_)
    if (names.empty() || names.back() != symbol.name) names.push_back(symbol.name);
  return names;
}

std::vector<std::pair<std::string, std::uint64_t>> ElfFile::function_addresses() const {
  std::vector<std::pair<std::string, std::uint64_t>> found;
  for (const Symbol& symbol : symbols_)
    if (found.empty() || found.back().first != symbol.name)
      found.emplace_back(symbol.name, symbol.address);
  return found;
}

}  // namespace ebl::symbols
