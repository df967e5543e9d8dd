#include "compile/clang/listing.h"

#include <llvm/BinaryFormat/ELF.h>
#include <llvm/DebugInfo/BTF/BTF.h>
#include <llvm/DebugInfo/BTF/BTFParser.h>
#include <llvm/Object/ObjectFile.h>
#include <llvm/Support/FormatVariadic.h>

#include <map>
#include <memory>
#include <optional>

#include "compile/clang/instruction_printer.h"

namespace ebl::compile {
namespace {

using llvm::object::ObjectFile;
using llvm::object::SectionRef;
using llvm::object::SymbolRef;

constexpr std::uint64_t kInstruction = 8;  // bytes
constexpr llvm::StringRef kUnknown = "<unknown instruction>";

/// A value, or its default; the error is dropped.
template <typename T>
T value_or(llvm::Expected<T> value, T fallback) {
  if (value) return std::move(*value);
  llvm::consumeError(value.takeError());
  return fallback;
}

/// An object file with its line information and relocations; null where it is none.
struct Opened {
  std::unique_ptr<ObjectFile> file;
  llvm::BTFParser types;

  explicit Opened(llvm::StringRef object) {
    auto opened = ObjectFile::createObjectFile(llvm::MemoryBufferRef(object, "object"));
    if (!opened) {
      llvm::consumeError(opened.takeError());
      return;
    }
    file = std::move(*opened);
    llvm::consumeError(types.parse(*file));
  }
};

struct SectionSymbols {
  std::map<std::uint64_t, std::string> functions;    // by offset
  std::map<std::uint64_t, std::string> relocations;  // symbol by the offset it is used at
};

SectionSymbols symbols_of(const ObjectFile& file, const SectionRef& section) {
  SectionSymbols out;
  for (const SymbolRef& symbol : file.symbols()) {
    const auto type = value_or(symbol.getType(), SymbolRef::ST_Unknown);
    const auto home = value_or(symbol.getSection(), file.section_end());
    if (type != SymbolRef::ST_Function || home == file.section_end() || *home != section)
      continue;
    out.functions[value_or(symbol.getAddress(), std::uint64_t{0})] =
        value_or(symbol.getName(), llvm::StringRef()).str();
  }
  for (const SectionRef& other : file.sections()) {
    const auto target = value_or(other.getRelocatedSection(), file.section_end());
    if (target == file.section_end() || *target != section) continue;
    for (const auto& relocation : other.relocations()) {
      const auto symbol = relocation.getSymbol();
      if (symbol == file.symbol_end()) continue;
      std::string name = value_or(symbol->getName(), llvm::StringRef()).str();
      if (name.empty()) {
        const auto home = value_or(symbol->getSection(), file.section_end());
        if (home != file.section_end())
          name = value_or(home->getName(), llvm::StringRef()).str();
      }
      out.relocations[relocation.getOffset()] = name;
    }
  }
  return out;
}

std::string source_of(const llvm::BTFParser& types,
                      llvm::object::SectionedAddress address) {
  const llvm::BTF::BPFLineInfo* line = types.findLineInfo(address);
  if (!line) return "";
  return llvm::formatv("{0}:{1}: {2}", types.findString(line->FileNameOff),
                       line->getLine(), types.findString(line->LineOff).trim());
}

/// A record of the kernel's BTF and where in it a field lies.
struct Place {
  btf::TypeId type = 0;
  std::uint64_t bits = 0;
};

/// The member `name` of a record, anonymous members included.
std::optional<Place> find_member(const btf::Btf& types, btf::TypeId record,
                                 std::string_view name) {
  for (std::uint32_t i = 0; i < types.count(record); i++) {
    const btf::Member member = types.member(record, i);
    const btf::TypeId type = types.resolve(member.type);
    if (!name.empty() && member.name == name) return Place{type, member.bit_offset};
    if (!member.name.empty()) continue;
    const btf::Kind kind = types.kind(type);
    if (kind != btf::Kind::structure && kind != btf::Kind::union_type) continue;
    if (auto inner = find_member(types, type, name))
      return Place{inner->type, inner->bits + member.bit_offset};
  }
  return std::nullopt;
}

bool is_record(const btf::Btf& types, btf::TypeId id) {
  const btf::Kind kind = types.kind(id);
  return kind == btf::Kind::structure || kind == btf::Kind::union_type;
}

/// Where an access like "0:23:1" leads, in the text's own types and in the kernel's.
struct Resolved {
  std::string path;  ///< "struct task_struct.pid"
  std::uint64_t local_bits = 0;
  std::optional<std::uint64_t> kernel_bits;
};

std::optional<Resolved> resolve_access(const btf::Btf& own, btf::TypeId root,
                                       llvm::StringRef access, KernelBtf& kernel) {
  root = own.resolve(root);
  if (!is_record(own, root)) return std::nullopt;
  const std::string name(own.name(root).substr(0, own.name(root).find("___")));
  Resolved out{.path = "struct " + name};
  llvm::SmallVector<llvm::StringRef, 8> parts;
  access.split(parts, ':');
  const auto unit = kernel.find(NameSort::tag, name);
  const btf::Btf* types = unit ? &kernel.unit(unit->unit).btf : nullptr;
  std::optional<Place> there;
  if (types) there = Place{unit->named.id, 0};
  btf::TypeId type = root;
  for (std::size_t i = 1; i < parts.size(); i++) {
    std::uint32_t index = 0;
    if (parts[i].getAsInteger(10, index)) return std::nullopt;
    if (own.kind(type) == btf::Kind::array) {
      const btf::Array array = own.array(type);
      type = own.resolve(array.element);
      out.path += "[" + std::to_string(index) + "]";
      out.local_bits += std::uint64_t{index} * own.byte_size(type) * 8;
      if (there && types->kind(there->type) == btf::Kind::array) {
        const btf::TypeId element = types->resolve(types->array(there->type).element);
        there = Place{element,
                      there->bits + std::uint64_t{index} * types->byte_size(element) * 8};
      }
      continue;
    }
    if (!is_record(own, type) || index >= own.count(type)) return std::nullopt;
    const btf::Member member = own.member(type, index);
    out.local_bits += member.bit_offset;
    type = own.resolve(member.type);
    if (member.name.empty()) continue;  // its members are found by their own names
    out.path += "." + std::string(member.name);
    if (!there || !is_record(*types, there->type)) {
      there.reset();
      continue;
    }
    const auto found = find_member(*types, there->type, member.name);
    there = found ? std::optional(Place{found->type, there->bits + found->bits})
                  : std::nullopt;
  }
  if (there) out.kernel_bits = there->bits;
  return out;
}

std::string bytes_text(std::uint64_t bits) {
  return bits % 8 ? std::to_string(bits / 8) + " bit " + std::to_string(bits % 8)
                  : std::to_string(bits / 8);
}

std::optional<btf::Btf> types_of(const ObjectFile& file) {
  for (const SectionRef& section : file.sections()) {
    if (value_or(section.getName(), llvm::StringRef()) != ".BTF") continue;
    const llvm::StringRef bytes = value_or(section.getContents(), llvm::StringRef());
    const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
    Result<btf::Btf> types = btf::Btf::from_bytes({data, data + bytes.size()});
    if (types) return std::move(*types);
  }
  return std::nullopt;
}

}  // namespace

std::string disassembly(llvm::StringRef object) {
  const Opened opened(object);
  if (!opened.file) return "no BPF object\n";
  InstructionPrinter printer(InstructionPrinter::bpf);
  std::string out;
  for (const SectionRef& section : opened.file->sections()) {
    if (!section.isText() || section.getSize() == 0) continue;
    const llvm::StringRef contents = value_or(section.getContents(), llvm::StringRef());
    const SectionSymbols symbols = symbols_of(*opened.file, section);
    out += llvm::formatv("section {0}\n", value_or(section.getName(), llvm::StringRef()));
    std::string last;
    for (std::uint64_t at = 0; at + kInstruction <= contents.size();) {
      if (const auto name = symbols.functions.find(at); name != symbols.functions.end())
        out += name->second + ":\n";
      const std::string source =
          source_of(opened.types, {.Address = at, .SectionIndex = section.getIndex()});
      if (!source.empty() && source != last) out += "; " + source + "\n";
      if (!source.empty()) last = source;
      std::uint64_t size = 0;
      const std::string text =
          printer.text({contents.bytes_begin() + at, contents.size() - at}, at, size);
      out += llvm::formatv("{0,6}: {1}", at / kInstruction,
                           text.empty() ? kUnknown : llvm::StringRef(text));
      if (const auto use = symbols.relocations.find(at);
          use != symbols.relocations.end() && !use->second.empty())
        out += "  ; " + use->second;
      out += '\n';
      at += size;
    }
  }
  return out;
}

std::string relocations(llvm::StringRef object, KernelBtf& kernel) {
  const Opened opened(object);
  const std::optional<btf::Btf> own =
      opened.file ? types_of(*opened.file) : std::optional<btf::Btf>();
  if (!own) return "no BPF object with types\n";
  std::string out;
  for (const SectionRef& section : opened.file->sections()) {
    if (!section.isText()) continue;
    for (std::uint64_t at = 0; at < section.getSize(); at += kInstruction) {
      const llvm::object::SectionedAddress address{at, section.getIndex()};
      const llvm::BTF::BPFFieldReloc* found = opened.types.findFieldReloc(address);
      if (!found) continue;
      out += llvm::formatv("{0}+{1}: ", value_or(section.getName(), llvm::StringRef()),
                           at / kInstruction);
      const auto access = opened.types.findString(found->OffsetNameOff);
      const auto place = resolve_access(*own, found->TypeID, access, kernel);
      if (found->RelocKind == llvm::BTF::FIELD_BYTE_OFFSET && place) {
        out += place->path + ": offset " + bytes_text(place->local_bits) + " here, ";
        out += place->kernel_bits ? bytes_text(*place->kernel_bits) + " in this kernel"
                                  : "not in this kernel";
      } else {
        llvm::SmallString<128> text;
        opened.types.symbolize(found, text);
        out += text.str();
        if (place)
          out += place->kernel_bits ? ": in this kernel" : ": not in this kernel";
      }
      // Line information stands where a line begins.
      std::string source;
      for (std::uint64_t line = at + kInstruction; source.empty() && line > 0;) {
        line -= kInstruction;
        source = source_of(opened.types,
                           {.Address = line, .SectionIndex = section.getIndex()});
      }
      out += source.empty() ? "\n" : "  ; " + source + "\n";
    }
  }
  return out.empty() ? "no CO-RE relocations\n" : out;
}

std::string instructions(llvm::StringRef code, std::uint64_t address,
                         const InstructionPrinter::Machine& machine) {
  InstructionPrinter printer(machine);
  std::string out;
  for (std::uint64_t at = 0; at < code.size();) {
    std::uint64_t size = 0;
    const std::string text =
        printer.text({code.bytes_begin() + at, code.size() - at}, address + at, size);
    out +=
        llvm::formatv("{0} {1}\n", at, text.empty() ? kUnknown : llvm::StringRef(text));
    at += std::max<std::uint64_t>(size, 1);
  }
  return out;
}

}  // namespace ebl::compile
