#include "attach/function_set.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "attach/holders.h"
#include "attach/kernel_function.h"
#include "symbols/kernel.h"

namespace ebl::attach {
namespace {

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= list.size();) {
    const std::size_t comma = std::min(list.find(',', from), list.size());
    parts.emplace_back(list.substr(from, comma - from));
    from = comma + 1;
  }
  return parts;
}

bool is_glob(std::string_view name) {
  return name.find_first_of("*?") != std::string_view::npos;
}

Error nothing_matches(const ProbeSpec& spec) {
  return attach_error(
      Code::not_found,
      fmt::format("{}: the kernel has no such functions", short_text(spec)),
      spec.category.empty()
          ? "ebpf-lua -l 'kprobe:*' shows what there is"
          : fmt::format("is the module there? modprobe {}", spec.category));
}

Error elsewhere(const ProbeSpec& spec, const symbols::KernelSymbol& symbol) {
  return attach_error(Code::not_found,
                      fmt::format("{}: no module {} with a function {} is loaded",
                                  short_text(spec), spec.category, spec.target),
                      symbol.module.empty()
                          ? fmt::format("it is in the kernel itself: {}:{}",
                                        to_string(spec.kind), symbol.name)
                          : fmt::format("it is in the module {}", symbol.module));
}

}  // namespace

bool is_pattern(std::string_view target) {
  return target.find_first_of("*?,") != std::string_view::npos;
}

Result<ProbeSpec> parse_functions(std::string_view text, ProbeSpec spec) {
  if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    spec.category = text.substr(0, colon);
    text.remove_prefix(colon + 1);
    if (!is_name(spec.category, "-"))
      return malformed(fmt::format("'{}' is not the name of a module", spec.category));
  }
  if (is_pattern(text)) {
    for (const std::string& part : split(text))
      if (!is_name(part, "*?"))
        return malformed(fmt::format("'{}' is not a function name or a pattern", part));
    spec.target = text;
    return spec;
  }
  Result<ProbeSpec> parsed = parse_symbol(text, std::move(spec));
  if (parsed && !is_name(parsed->target))
    return malformed(fmt::format("'{}' is not a function name", parsed->target));
  return parsed;
}

std::string functions_text(const ProbeSpec& spec) {
  return spec.category.empty() ? symbol_text(spec)
                               : spec.category + ":" + symbol_text(spec);
}

std::string short_text(const ProbeSpec& spec) {
  constexpr std::size_t most = 80;
  std::string text = spec.text();
  if (text.size() <= most) return text;
  const auto names = std::ranges::count(spec.target, ',') + 1;
  return fmt::format("{}… ({} names)", text.substr(0, text.rfind(',', most)), names);
}

Result<std::vector<KernelFunction>> find_functions(const ProbeSpec& spec) {
  const Result<const symbols::KernelSymbols*> kernel = symbols::KernelSymbols::get();
  if (!kernel) return kernel.error();
  std::vector<std::string> globs;
  std::unordered_map<std::string_view, bool> wanted;  // name -> seen
  const std::vector<std::string> parts = split(spec.target);
  for (const std::string& part : parts) {
    if (is_glob(part))
      globs.push_back(part);
    else
      wanted.emplace(part, false);
  }
  std::vector<KernelFunction> found;
  const auto matches = [&](std::string_view name) {
    if (const auto at = wanted.find(name); at != wanted.end()) return at->second = true;
    const std::string text(name);
    return std::ranges::any_of(globs, [&](const std::string& glob) {
      return ::fnmatch(glob.c_str(), text.c_str(), 0) == 0;
    });
  };
  (*kernel)->for_each_function([&](const symbols::KernelSymbol& symbol) {
    if (!spec.category.empty() && symbol.module != spec.category) return;
    if (!matches(symbol.name)) return;
    if (!found.empty() && found.back().address == symbol.address) return;
    found.push_back(
        {std::string(symbol.name), std::string(symbol.module), symbol.address});
  });
  for (const auto& [name, seen] : wanted) {
    if (seen) continue;
    ProbeSpec one = spec;
    one.target = name;
    const Result<std::string> variant = resolve_kernel_function(one);
    if (!variant) return variant.error();
    const symbols::KernelSymbol symbol = *(*kernel)->find(*variant);
    if (!spec.category.empty() && symbol.module != spec.category)
      return elsewhere(one, symbol);
    found.push_back({*variant, std::string(symbol.module), symbol.address});
  }
  if (found.empty()) return nothing_matches(spec);
  return found;
}

std::uint64_t cookie_at(const KernelFunction& function, const Options& options) {
  const auto at = options.cookies.find(function.name);
  return at != options.cookies.end() ? at->second : options.cookie.value_or(0);
}

}  // namespace ebl::attach
