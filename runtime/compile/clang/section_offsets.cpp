#include "compile/clang/section_offsets.h"

#include <llvm/ADT/StringMap.h>
#include <llvm/Object/ELF.h>

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "btf/btf.h"

namespace ebl::compile {
namespace {

using Elf = llvm::object::ELF64LE;

constexpr std::uint32_t kStatic = 0;  // BTF_VAR_STATIC
constexpr std::uint32_t kGlobal = 1;  // BTF_VAR_GLOBAL_ALLOCATED

bool holds_variables(llvm::StringRef section) {
  return section.starts_with(".data") || section.starts_with(".bss") ||
         section.starts_with(".rodata");
}

/// What the ELF side knows.
struct Places {
  llvm::StringMap<std::uint32_t> symbols;        ///< data symbol -> offset in its section
  llvm::StringMap<std::uint32_t> section_sizes;  ///< bytes
  llvm::ArrayRef<std::uint8_t> btf;
};

std::optional<Places> places_of(llvm::StringRef object) {
  const auto file = llvm::expectedToOptional(llvm::object::ELFFile<Elf>::create(object));
  const auto sections = file ? llvm::expectedToOptional(file->sections()) : std::nullopt;
  if (!sections) return std::nullopt;
  Places out;
  for (const Elf::Shdr& section : *sections) {
    const auto name = llvm::expectedToOptional(file->getSectionName(section));
    if (!name) return std::nullopt;
    out.section_sizes[*name] = static_cast<std::uint32_t>(section.sh_size);
    if (*name == ".BTF")
      out.btf = llvm::expectedToOptional(file->getSectionContents(section))
                    .value_or(llvm::ArrayRef<std::uint8_t>());
    if (section.sh_type != llvm::ELF::SHT_SYMTAB) continue;
    const auto symbols = llvm::expectedToOptional(file->symbols(&section));
    const auto names =
        llvm::expectedToOptional(file->getStringTableForSymtab(section, *sections));
    if (!symbols || !names) return std::nullopt;
    for (const Elf::Sym& symbol : *symbols) {
      if (symbol.getType() != llvm::ELF::STT_OBJECT) continue;
      if (const auto name_of = llvm::expectedToOptional(symbol.getName(*names)))
        out.symbols[*name_of] = static_cast<std::uint32_t>(symbol.st_value);
    }
  }
  if (out.btf.empty()) return std::nullopt;
  return out;
}

/// Writes to the copy that `btf` reads: `word` counts from the start of a type's record.
class Editor {
 public:
  Editor(std::vector<std::byte>& bytes, const btf::Btf& btf) : bytes_(bytes), btf_(btf) {}
  void set(btf::TypeId id, std::size_t word, std::uint32_t value) {
    const auto* place = reinterpret_cast<const std::byte*>(btf_.record(id) + word);
    std::memcpy(bytes_.data() + (place - bytes_.data()), &value, sizeof(value));
  }

 private:
  std::vector<std::byte>& bytes_;
  const btf::Btf& btf_;
};

void fill_section(const btf::Btf& btf, btf::TypeId section, const Places& places,
                  Editor& editor) {
  constexpr std::size_t kSizeWord = 2, kLinkageWord = 3, kFirstVariable = 3;
  bool has_global = false;
  for (std::uint32_t i = 0; i < btf.count(section); i++) {
    const btf::TypeId variable = btf.section_variable(section, i).variable;
    if (btf.kind(variable) != btf::Kind::variable || btf.linkage(variable) != kGlobal)
      continue;
    const auto found = places.symbols.find(btf.name(variable));
    if (found == places.symbols.end()) continue;
    editor.set(section, kFirstVariable + i * 3 + 1, found->second);
    if (std::exchange(has_global, true)) editor.set(variable, kLinkageWord, kStatic);
  }
  editor.set(section, kSizeWord, places.section_sizes.lookup(btf.name(section)));
}

}  // namespace

void fill_section_offsets(llvm::MutableArrayRef<char> object) {
  const std::optional<Places> places = places_of({object.data(), object.size()});
  if (!places) return;
  std::vector<std::byte> bytes(places->btf.size());
  std::memcpy(bytes.data(), places->btf.data(), bytes.size());
  const Result<btf::Btf> btf = btf::Btf::parse(bytes);
  if (!btf) return;
  Editor editor(bytes, *btf);
  for (btf::TypeId id = 1; id < btf->type_count(); id++)
    if (btf->kind(id) == btf::Kind::data_section && btf->byte_size(id) == 0 &&
        holds_variables(btf->name(id)))
      fill_section(*btf, id, *places, editor);
  const auto* section = reinterpret_cast<const char*>(places->btf.data());
  std::memcpy(object.data() + (section - object.data()), bytes.data(), bytes.size());
}

}  // namespace ebl::compile
