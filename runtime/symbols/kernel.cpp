#include "symbols/kernel.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <numeric>

#include "base/unique_fd.h"

namespace ebl::symbols {
namespace {

constexpr const char* path = "/proc/kallsyms";

Result<std::string> read_all() {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  const auto failed = [](const std::string& why) {
    return Error{.stage = Stage::symbols,
                 .code = Code::io,
                 .message = std::string("cannot read ") + path + ": " + why};
  };
  if (!fd) return failed(errno_text(errno));
  std::string text;
  constexpr std::size_t step = 1 << 20;
  for (std::size_t used = 0;;) {
    if (text.size() < used + step) text.resize(text.size() + 4 * step);
    const ssize_t got = ::read(fd.get(), text.data() + used, step);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(errno_text(errno));
    if (got == 0) {
      text.resize(used);
      text.shrink_to_fit();
      return text;
    }
    used += static_cast<std::size_t>(got);
  }
}

}  // namespace

Result<const KernelSymbols*> KernelSymbols::get() {
  static const Result<KernelSymbols> symbols = [] {
    Result<std::string> text = read_all();
    if (!text) return Result<KernelSymbols>(text.take_error());
    return parse(std::move(*text));
  }();
  if (!symbols) return symbols.error();
  return &*symbols;
}

Result<KernelSymbols> KernelSymbols::parse(std::string text) {
  // A line: "ffffffff81000000 T _text" or "ffffffffc0000000 t fn\t[module]".
  KernelSymbols out;
  out.text_ = std::move(text);
  out.modules_.emplace_back();
  const std::string_view all = out.text_;
  out.entries_.reserve(all.size() / 40);
  bool any_address = false;
  std::size_t module_index = 0;
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = std::min(all.find('\n', begin), all.size());
    const std::string_view line = all.substr(begin, end - begin);
    const std::size_t line_start = begin;
    begin = end + 1;

    Entry entry = {};
    const auto [at, error] =
        std::from_chars(line.data(), line.data() + line.size(), entry.address, 16);
    const auto digits = static_cast<std::size_t>(at - line.data());
    if (error != std::errc() || line.size() < digits + 4) continue;
    const char type = line[digits + 1];
    const std::size_t tab = std::min(line.find('\t', digits), line.size());
    const std::string_view name = line.substr(digits + 3, tab - digits - 3);
    if (tab + 2 < line.size()) {
      const std::string_view module = line.substr(tab + 2, line.size() - tab - 3);
      if (out.modules_[module_index] != module) {  // a module's symbols stand together
        const auto known = std::ranges::find(out.modules_, module);
        module_index = static_cast<std::size_t>(known - out.modules_.begin());
        if (known == out.modules_.end()) out.modules_.emplace_back(module);
      }
    } else {
      module_index = 0;
    }
    any_address |= entry.address != 0;
    if (name == "_sinittext") out.start_begin_ = entry.address;
    if (name == "_einittext") out.start_end_ = entry.address;
    entry.name = static_cast<std::uint32_t>(line_start + digits + 3);
    entry.name_length =
        static_cast<std::uint8_t>(std::min<std::size_t>(name.size(), 255));
    entry.function = type == 't' || type == 'T' || type == 'w' || type == 'W';
    entry.module = static_cast<std::uint16_t>(module_index);
    out.entries_.push_back(entry);
  }
  if (!any_address)
    return Error{
        .stage = Stage::symbols,
        .code = Code::not_permitted,
        .message = "the kernel hides its addresses: those in /proc/kallsyms are zero",
        .hint = "run it with CAP_SYSLOG, or as root: sysctl kernel.kptr_restrict=1"};

  std::ranges::stable_sort(out.entries_, {}, &Entry::address);
  return out;
}

const std::vector<std::uint32_t>& KernelSymbols::by_name() const {
  std::call_once(name_order_->once, [&] {
    std::vector<std::uint32_t>& indexes = name_order_->indexes;
    indexes.resize(entries_.size());
    std::iota(indexes.begin(), indexes.end(), 0u);
    std::ranges::stable_sort(indexes, {},
                             [&](std::uint32_t i) { return symbol(entries_[i]).name; });
  });
  return name_order_->indexes;
}

KernelSymbol KernelSymbols::symbol(const Entry& entry) const {
  return {.address = entry.address,
          .name = std::string_view(text_).substr(entry.name, entry.name_length),
          .module = modules_[entry.module],
          .function = entry.function != 0};
}

std::optional<KernelSymbol> KernelSymbols::at(std::uint64_t address) const {
  auto after = std::ranges::upper_bound(entries_, address, {}, &Entry::address);
  if (after == entries_.begin()) return std::nullopt;
  const std::uint64_t start = std::prev(after)->address;
  return symbol(*std::ranges::lower_bound(entries_, start, {}, &Entry::address));
}

std::optional<KernelSymbol> KernelSymbols::find(std::string_view name) const {
  const auto name_of = [&](std::uint32_t i) { return symbol(entries_[i]).name; };
  const auto at = std::ranges::lower_bound(by_name(), name, {}, name_of);
  if (at == by_name().end() || name_of(*at) != name) return std::nullopt;
  return symbol(entries_[*at]);
}

bool KernelSymbols::is_entry(const Entry& entry) const {
  if (!entry.function) return false;
  if (entry.address >= start_begin_ && entry.address < start_end_) return false;
  const KernelSymbol one = symbol(entry);
  if (one.module == "bpf" || one.module.starts_with("__builtin__")) return false;
  return !one.name.starts_with("__pfx_") && !one.name.starts_with("__cfi_") &&
         one.name.find(".cold") == std::string_view::npos;
}

std::vector<std::string> KernelSymbols::function_names() const {
  std::vector<std::string> names;
  for (const std::uint32_t i : by_name()) {
    const KernelSymbol one = symbol(entries_[i]);
    if (is_entry(entries_[i]) && (names.empty() || names.back() != one.name))
      names.emplace_back(one.name);
  }
  return names;
}

}  // namespace ebl::symbols
