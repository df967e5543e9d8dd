// KernelSymbols: the kernel's names and addresses, from /proc/kallsyms.
//
// 122,000 symbols of a 6.18 kernel: reading takes about as long as the kernel needs to
// print them, once and on first use; they stay as one text and 16 bytes each. Thread-safe
// after construction; views are borrowed from it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ebl::symbols {

struct KernelSymbol {
  std::uint64_t address = 0;
  std::string_view name;
  std::string_view module;  ///< empty: the kernel itself; "bpf" for BPF programs
  bool function = false;    ///< in a text section
};

class KernelSymbols {
 public:
  /// This kernel's, read at the first call and kept for the process. Code::not_permitted
  /// when kernel.kptr_restrict hides the addresses; names then cannot be had here either.
  static Result<const KernelSymbols*> get();

  /// Parses the text of /proc/kallsyms. Code::not_permitted when every address is zero.
  static Result<KernelSymbols> parse(std::string text);

  std::size_t size() const { return entries_.size(); }

  /// The symbol at or before `address`; nullopt below the first one. The distance from
  /// its start is address - symbol.address. Of aliases, the one that kallsyms lists
  /// first.
  std::optional<KernelSymbol> at(std::uint64_t address) const;

  /// The symbol of that name; with several (static functions), the lowest.
  std::optional<KernelSymbol> find(std::string_view name) const;

  /// Calls `use` with the symbol of each function that is there to be called, by address:
  /// not for what the compiler split off as unlikely, BPF programs, and what was freed
  /// once the kernel had started.
  template <typename Use>
  void for_each_function(Use&& use) const {
    for (const Entry& entry : entries_)
      if (is_entry(entry)) use(symbol(entry));
  }

  /// The names of those functions, sorted, each once.
  std::vector<std::string> function_names() const;

 private:
  // 16 bytes: names and modules are parts of text_.
  struct Entry {
    std::uint64_t address;
    std::uint32_t name;
    std::uint8_t name_length;  // the kernel's limit is 511, and longer ones are cut here
    std::uint8_t function;
    std::uint16_t module;
  };
  // Sorting by name takes as long as the rest, and stacks need addresses only.
  struct NameOrder {
    std::once_flag once;
    std::vector<std::uint32_t> indexes;  // into entries_
  };
  KernelSymbol symbol(const Entry& entry) const;
  bool is_entry(const Entry& entry) const;
  const std::vector<std::uint32_t>& by_name() const;

  std::string text_;
  std::vector<Entry> entries_;                     // by address
  std::uint64_t start_begin_ = 0, start_end_ = 0;  // code for the start of the kernel
  std::unique_ptr<NameOrder> name_order_ = std::make_unique<NameOrder>();
  std::vector<std::string> modules_;  // [0] is the kernel itself
};

}  // namespace ebl::symbols
