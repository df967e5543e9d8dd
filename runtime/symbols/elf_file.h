// ElfFile: where a function of a program or library lies in its file, for uprobes.
//
// The kernel wants an offset into the file; symbol tables hold virtual addresses. Both
// tables are read (.symtab where the file is not stripped, .dynsym), versions
// ("name@VERSION") are ignored. Read once at open; nothing of the file stays open.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ebl::symbols {

class ElfFile {
 public:
  /// Code::not_found, Code::not_permitted or Code::invalid (no ELF file of this machine's
  /// kind).
  static Result<ElfFile> open(const std::string& path);

  /// The offset in the file of `symbol` + `offset`. Code::not_found names near symbols;
  /// Code::not_supported for a function that the dynamic linker chooses at run time
  /// (IFUNC), whose symbol is the choosing code; Code::invalid past the symbol's end.
  Result<std::uint64_t> offset_of(std::string_view symbol, std::uint64_t offset) const;

  /// The virtual address of `symbol`; fails as offset_of() does.
  Result<std::uint64_t> address_of(std::string_view symbol) const;

  /// The offset in the file of a virtual address, as nm and objdump show it.
  /// Code::not_found outside the executable segments.
  Result<std::uint64_t> offset_of_address(std::uint64_t address) const;

  /// The functions whose names are `wanted`, with their offsets in the file; of several
  /// names of one place, the first. Without those chosen at run time.
  std::vector<std::pair<std::string, std::uint64_t>> function_offsets(
      const std::function<bool(const std::string&)>& wanted) const;

  /// The names of functions, sorted, each once.
  std::vector<std::string> function_names() const;

  /// With their virtual addresses; of versions of one function, the default one's.
  std::vector<std::pair<std::string, std::uint64_t>> function_addresses() const;

 private:
  struct Segment {
    std::uint64_t address, size, offset;
  };
  struct Symbol {
    std::string name;
    std::uint64_t address, size;
    bool chosen_at_run_time;
    bool old_version;  ///< only for programs linked long ago
  };
  ElfFile() = default;
  Result<const Symbol*> find(std::string_view name) const;

  std::string path_;
  std::vector<Segment> segments_;  // executable ones
  std::vector<Symbol> symbols_;    // defined functions, by name
};

}  // namespace ebl::symbols
