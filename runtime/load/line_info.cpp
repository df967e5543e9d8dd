#include "load/line_info.h"

#include <elf.h>
#include <linux/bpf.h>
#include <linux/btf.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace ebl::load {
namespace {

/// Bytes of a file that nobody has checked: reads past the end give nothing.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> bytes = {}) : bytes_(bytes) {}

  std::size_t size() const { return bytes_.size(); }

  Bytes part(std::uint64_t offset, std::uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) return Bytes();
    return Bytes(bytes_.subspan(offset, size));
  }

  template <typename T>
  std::optional<T> read(std::uint64_t offset) const {
    const Bytes found = part(offset, sizeof(T));
    if (found.size() != sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, found.bytes_.data(), sizeof(T));
    return value;
  }

  std::string_view string(std::uint64_t offset) const {
    if (offset >= bytes_.size()) return {};
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + offset,
                                bytes_.size() - offset);
    return rest.substr(0, rest.find('\0'));
  }

 private:
  std::span<const std::byte> bytes_;
};

struct Section {
  std::string_view name;
  Elf64_Shdr header{};
  Bytes data;
};

struct Function {
  std::string_view name;
  std::uint32_t section = 0;
  std::size_t first = 0;
  std::size_t count = 0;
};

constexpr std::size_t kInstruction = sizeof(bpf_insn);

}  // namespace

/// Puts a LineTable together; lives as long as the reading.
class LineTableReader {
 public:
  explicit LineTableReader(std::span<const std::byte> elf) : elf_(elf) {}

  LineTable read() {
    read_sections();
    read_lines();
    if (table_.lines_.empty()) return {};
    read_symbols();
    for (const Function& function : functions_)
      append(table_.programs_[std::string(function.name)], function);
    return std::move(table_);
  }

 private:
  void read_sections() {
    const auto header = elf_.read<Elf64_Ehdr>(0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_ident[EI_CLASS] != ELFCLASS64 ||
        header->e_ident[EI_DATA] != ELFDATA2LSB)
      return;
    for (std::uint32_t i = 0; i < header->e_shnum; i++) {
      Section section;
      const auto found =
          elf_.read<Elf64_Shdr>(header->e_shoff + std::uint64_t{i} * sizeof(Elf64_Shdr));
      if (found) {
        section.header = *found;
        if (found->sh_type != SHT_NOBITS)
          section.data = elf_.part(found->sh_offset, found->sh_size);
      }
      sections_.push_back(section);
    }
    if (header->e_shstrndx >= sections_.size()) return;
    const Bytes names = sections_[header->e_shstrndx].data;
    for (Section& section : sections_)
      section.name = names.string(section.header.sh_name);
  }

  std::optional<std::uint32_t> section_named(std::string_view name) const {
    for (std::uint32_t i = 1; i < sections_.size(); i++)
      if (sections_[i].name == name) return i;
    return std::nullopt;
  }

  /// .BTF.ext: for each section, its name and its lines; names lie in .BTF.
  void read_lines() {
    const auto types_at = section_named(".BTF"), lines_at = section_named(".BTF.ext");
    if (!types_at || !lines_at) return;
    const Bytes types = sections_[*types_at].data, ext = sections_[*lines_at].data;
    const auto types_header = types.read<btf_header>(0);
    struct ExtHeader {
      std::uint16_t magic;
      std::uint8_t version, flags;
      std::uint32_t header_size, function_offset, function_size, line_offset, line_size;
    };
    const auto header = ext.read<ExtHeader>(0);
    if (!types_header || !header) return;
    const Bytes strings =
        types.part(std::uint64_t{types_header->hdr_len} + types_header->str_off,
                   types_header->str_len);
    const Bytes info = ext.part(std::uint64_t{header->header_size} + header->line_offset,
                                header->line_size);
    const auto record_size = info.read<std::uint32_t>(0);
    if (!record_size || *record_size < sizeof(bpf_line_info)) return;
    struct Group {
      std::uint32_t section_name, count;
    };
    std::uint64_t at = sizeof(*record_size);
    while (const auto group = info.read<Group>(at)) {
      at += sizeof(Group);
      const auto section = section_named(strings.string(group->section_name));
      for (std::uint32_t i = 0; i < group->count; i++, at += *record_size) {
        const auto record = info.read<bpf_line_info>(at);
        if (!record) return;
        if (section) add_line(*section, *record, strings);
      }
    }
  }

  void add_line(std::uint32_t section, const bpf_line_info& record,
                const Bytes& strings) {
    std::string_view text = strings.string(record.line_off);
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    table_.lines_[section].push_back(
        {.instruction = record.insn_off / kInstruction,
         .source = {
             .location = {.file = std::string(strings.string(record.file_name_off)),
                          .line = int(BPF_LINE_INFO_LINE_NUM(record.line_col)),
                          .column = int(BPF_LINE_INFO_LINE_COL(record.line_col))},
             .text = std::string(text)}});
  }

  void read_symbols() {
    for (const Section& section : sections_) {
      if (section.header.sh_type != SHT_SYMTAB) continue;
      if (section.header.sh_link >= sections_.size()) return;
      const Bytes names = sections_[section.header.sh_link].data;
      for (std::uint64_t at = 0; const auto symbol = section.data.read<Elf64_Sym>(at);
           at += sizeof(Elf64_Sym)) {
        symbols_.push_back(*symbol);
        if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC)
          functions_.push_back({.name = names.string(symbol->st_name),
                                .section = symbol->st_shndx,
                                .first = symbol->st_value / kInstruction,
                                .count = symbol->st_size / kInstruction});
      }
    }
    for (const Section& section : sections_) {
      if (section.header.sh_type != SHT_REL) continue;
      for (std::uint64_t at = 0; const auto entry = section.data.read<Elf64_Rel>(at);
           at += sizeof(Elf64_Rel))
        if (const std::uint64_t symbol = ELF64_R_SYM(entry->r_info);
            symbol < symbols_.size())
          relocations_[{section.header.sh_info, entry->r_offset / kInstruction}] =
              symbols_[symbol];
    }
  }

  /// The function that an instruction of a section calls or takes the address of. The
  /// symbol may be the function or its section; the instruction's own number then tells
  /// the place in it, in instructions from the next one for calls, in bytes for
  /// addresses.
  const Function* callee(std::uint32_t section, std::size_t index,
                         const bpf_insn& instruction) const {
    const auto relocation = relocations_.find({section, index});
    const bool call = instruction.code == (BPF_JMP | BPF_CALL) &&
                      instruction.src_reg == BPF_PSEUDO_CALL;
    const bool address = instruction.code == (BPF_LD | BPF_IMM | BPF_DW);
    std::size_t target = 0;
    if (relocation == relocations_.end()) {
      if (!call) return nullptr;
      target = index + std::size_t(std::int64_t{instruction.imm} + 1);
    } else {
      const Elf64_Sym& symbol = relocation->second;
      if (!call && !address) return nullptr;
      const std::int64_t bytes = call ? (std::int64_t{instruction.imm} + 1) * kInstruction
                                      : std::int64_t{instruction.imm};
      section = symbol.st_shndx;
      target = std::size_t(std::int64_t(symbol.st_value) + bytes) / kInstruction;
    }
    for (const Function& function : functions_)
      if (function.section == section && function.first == target) return &function;
    return nullptr;
  }

  /// libbpf's order: each function where the first call to it is met, then what it calls.
  void append(std::vector<LineTable::Part>& parts, const Function& function) {
    for (const LineTable::Part& part : parts)
      if (part.section == function.section && part.first == function.first) return;
    if (function.section >= sections_.size()) return;
    parts.push_back({function.section, function.first, function.count});
    const Bytes code = sections_[function.section].data;
    for (std::size_t i = function.first; i < function.first + function.count; i++) {
      const auto instruction = code.read<bpf_insn>(i * kInstruction);
      if (!instruction) return;
      if (const Function* called = callee(function.section, i, *instruction))
        append(parts, *called);
    }
  }

  Bytes elf_;
  LineTable table_;
  std::vector<Section> sections_;
  std::vector<Elf64_Sym> symbols_;
  std::vector<Function> functions_;
  std::map<std::pair<std::uint32_t, std::size_t>, Elf64_Sym> relocations_;
};

LineTable LineTable::read(std::span<const std::byte> elf) {
  return LineTableReader(elf).read();
}

std::optional<SourceLine> LineTable::find(std::string_view program,
                                          std::size_t instruction) const {
  const auto parts = programs_.find(program);
  if (parts == programs_.end()) return std::nullopt;
  for (const Part& part : parts->second) {
    if (instruction >= part.count) {
      instruction -= part.count;
      continue;
    }
    const auto lines = lines_.find(part.section);
    if (lines == lines_.end()) return std::nullopt;
    // The last line that begins at or before it, but not one of the function before.
    const SourceLine* found = nullptr;
    for (const Line& line : lines->second)
      if (line.instruction >= part.first && line.instruction <= part.first + instruction)
        found = &line.source;
    if (!found || found->location.line == 0) return std::nullopt;
    return *found;
  }
  return std::nullopt;
}

}  // namespace ebl::load
