#include "attach/kernel_function.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>

#include "attach/function_set.h"
#include "attach/holders.h"
#include "base/mounts.h"
#include "base/nearest.h"
#include "btf/btf.h"
#include "symbols/kernel.h"

namespace ebl::attach {
namespace {

struct Renamed {
  std::string_view before, now;
};
constexpr Renamed renamed[] = {
    {"do_fork", "kernel_clone"},                         // 5.10
    {"_do_fork", "kernel_clone"},                        // 5.10
    {"__close_fd", "close_fd"},                          // 5.11
    {"__alloc_pages_nodemask", "__alloc_pages"},         // 5.13
    {"__alloc_pages", "__alloc_pages_noprof"},           // 6.10
    {"do_page_fault", "exc_page_fault"},                 // 5.8
    {"account_page_dirtied", "folio_account_dirtied"},   // 5.16
    {"mark_page_accessed", "folio_mark_accessed"},       // 5.16
    {"add_to_page_cache_lru", "filemap_add_folio"},      // 6.0
    {"blk_account_io_start", "__blk_account_io_start"},  // 5.16
    {"blk_account_io_done", "__blk_account_io_done"},    // 5.16
    {"finish_task_switch", "finish_task_switch.isra.0"},
};

// System calls whose function has another name: the call itself came later than one of
// the same name for older programs.
constexpr Renamed implemented_as[] = {
    {"stat", "newstat"},   {"lstat", "newlstat"},      {"fstat", "newfstat"},
    {"uname", "newuname"}, {"sendfile", "sendfile64"}, {"umount2", "umount"},
};

#if defined(__x86_64__)
constexpr std::string_view syscall_prefix = "__x64_sys_";
#elif defined(__aarch64__)
constexpr std::string_view syscall_prefix = "__arm64_sys_";
#elif defined(__riscv)
constexpr std::string_view syscall_prefix = "__riscv_sys_";
#elif defined(__s390x__)
constexpr std::string_view syscall_prefix = "__s390x_sys_";
#else
constexpr std::string_view syscall_prefix = "sys_";
#endif

// Of the variants that a compiler makes, those that are the function's body. ".cold" and
// ".part" are pieces of it: a probe there would fire at the wrong moments.
constexpr std::string_view body_suffixes[] = {".isra.", ".constprop.", ".llvm."};

constexpr std::string_view event_prefix = "btf_trace_";

std::vector<std::string> btf_names(btf::Kind kind, std::string_view prefix) {
  std::vector<std::string> names;
  const Result<btf::Btf> btf = btf::Btf::from_file(btf::kernel_btf_path());
  if (!btf) return names;
  for (btf::TypeId id = 1; id < btf->type_count(); id++)
    if (btf->kind(id) == kind && btf->name(id).starts_with(prefix))
      names.emplace_back(btf->name(id).substr(prefix.size()));
  return names;
}

}  // namespace

std::string_view renamed_function(std::string_view name) {
  const auto* row = std::ranges::find(renamed, name, &Renamed::before);
  return row == std::end(renamed) ? "" : row->now;
}

std::string choose_function(std::string_view wanted,
                            const std::vector<std::string>& names) {
  const auto has = [&](const std::string& name) {
    return std::ranges::binary_search(names, name);
  };
  const std::string name(wanted);
  if (has(name)) return name;
  for (const std::string_view suffix : body_suffixes) {
    const std::string start = name + std::string(suffix);
    const auto at = std::ranges::lower_bound(names, start);
    if (at != names.end() && at->starts_with(start) &&
        at->find(".cold") == std::string::npos)
      return *at;
  }
  std::string_view bare = wanted;
  if (bare.starts_with("sys_")) bare.remove_prefix(4);
  const std::string entry = std::string(syscall_prefix) + std::string(bare);
  return has(entry) ? entry : "";
}

Result<std::string> resolve_kernel_function(const ProbeSpec& spec) {
  const Result<const symbols::KernelSymbols*> kernel = symbols::KernelSymbols::get();
  if (!kernel) return kernel.error();
  const std::vector<std::string> names = (*kernel)->function_names();
  const std::string found = choose_function(spec.target, names);
  if (found.empty()) return no_such_function(spec, names);
  return found;
}

Result<std::string> syscall_function(const ProbeSpec& spec, std::string_view call) {
  const std::string prefix(syscall_prefix);
  if (call.find_first_of("*?") != std::string_view::npos)
    return prefix + std::string(call);
  const Result<const symbols::KernelSymbols*> kernel = symbols::KernelSymbols::get();
  if (!kernel) return kernel.error();
  const auto* other = std::ranges::find(implemented_as, call, &Renamed::before);
  for (const std::string_view name :
       {call, other == std::end(implemented_as) ? call : other->now})
    for (const std::string& entry :
         {prefix + std::string(name), "sys_" + std::string(name)})
      if ((*kernel)->find(entry)) return entry;
  std::vector<std::string> calls;
  for (const std::string& name : (*kernel)->function_names())
    if (name.starts_with(prefix)) calls.push_back(name.substr(prefix.size()));
  return attach_error(
      Code::not_found,
      fmt::format("{}: this kernel has no system call {}", spec.text(), call),
      did_you_mean(call, calls));
}

namespace {

/// The name in this kernel of a function that had, or got, another one. Empty: none.
std::string_view name_in(const std::vector<std::string>& names, std::string_view wanted) {
  const auto has = [&](std::string_view name) {
    return std::ranges::find(names, name) != names.end();
  };
  // The table may hold a chain: take the first name that is there.
  for (std::string_view now = renamed_function(wanted); !now.empty();
       now = renamed_function(now))
    if (has(now)) return now;
  for (std::string_view old = wanted;;) {
    const auto* row = std::ranges::find(renamed, old, &Renamed::now);
    if (row == std::end(renamed)) return "";
    old = row->before;
    if (has(old)) return old;
  }
}

/// Whether something of it is left: its types, or a part that the compiler split off.
bool was_inlined(const std::string& name, const symbols::KernelSymbols& kernel) {
  for (const char* piece : {".part.0", ".cold", ".constprop.0.cold", ".isra.0.cold"})
    if (kernel.find(name + piece)) return true;
  const std::vector<std::string> typed = btf_functions();
  return std::ranges::find(typed, name) != typed.end();
}

Error is_data(const ProbeSpec& spec, std::string_view name) {
  return attach_error(Code::not_found,
                      fmt::format("{}: {} is data, not a function", spec.text(), name));
}

bool is_blacklisted(std::string_view function) {
  const std::optional<std::string> debugfs = find_mount("debugfs");
  if (!debugfs) return false;
  std::ifstream file(*debugfs + "/kprobes/blacklist");
  for (std::string line; std::getline(file, line);)  // "0xBEGIN-0xEND<tab>NAME"
    if (line.substr(line.find('\t') + 1) == function) return true;
  return false;
}

/// What kallsyms says of a name that is not among the functions looked in; nullopt:
/// nothing.
std::optional<Error> known_otherwise(const ProbeSpec& spec) {
  const Result<const symbols::KernelSymbols*> kernel = symbols::KernelSymbols::get();
  if (!kernel) return std::nullopt;
  const auto symbol = (*kernel)->find(spec.target);
  if (symbol && !symbol->function) return is_data(spec, spec.target);
  if (symbol)
    return attach_error(Code::not_supported,
                        fmt::format("{}: this kernel has no type information about {}",
                                    spec.text(), spec.target),
                        fmt::format("use kprobe:{}", functions_text(spec)));
  if (!was_inlined(spec.target, **kernel)) return std::nullopt;
  return attach_error(
      Code::not_found,
      fmt::format("{}: the compiler inlined {}: this kernel has no symbol for it",
                  spec.text(), spec.target),
      "probe a function that calls it");
}

}  // namespace

Error no_such_function(const ProbeSpec& spec, const std::vector<std::string>& names) {
  Error error = attach_error(
      Code::not_found, fmt::format("{}: the kernel has no function {} that can be probed",
                                   spec.text(), spec.target));
  if (const std::string_view now = name_in(names, spec.target); !now.empty()) {
    error.hint = fmt::format("{} is called {} in this kernel", spec.target, now);
    return error;
  }
  if (std::optional<Error> better = known_otherwise(spec)) return *better;
  error.hint = did_you_mean(spec.target, names);
  if (error.hint.empty())
    error.hint = "the compiler may have inlined it: probe a function that calls it";
  return error;
}

std::optional<Error> why_refused(const ProbeSpec& spec, const std::string& function) {
  const Result<const symbols::KernelSymbols*> kernel = symbols::KernelSymbols::get();
  if (kernel)
    if (const auto symbol = (*kernel)->find(function); symbol && !symbol->function)
      return is_data(spec, function);
  if (!is_blacklisted(function)) return std::nullopt;
  return attach_error(
      Code::not_supported,
      fmt::format("the kernel refuses {}: {} is on its list of functions that no kprobe "
                  "may touch (kprobes/blacklist)",
                  spec.text(), function),
      "probe a function that calls it");
}

Error no_such_event(const ProbeSpec& spec) {
  std::string hint =
      did_you_mean(spec.target, btf_names(btf::Kind::type_definition, event_prefix));
  if (hint.empty())
    hint = fmt::format("ebpf-lua -l '{}:*' shows what there is", info_of(spec.kind).word);
  return attach_error(
      Code::not_found,
      fmt::format("{}: the kernel has no event {}", spec.text(), spec.target),
      std::move(hint));
}

std::vector<std::string> btf_functions() {
  return btf_names(btf::Kind::function, "");
}

}  // namespace ebl::attach
