#include "attach/uprobe_places.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <unordered_set>

#include "attach/user_place.h"
#include "symbols/elf_file.h"

namespace ebl::attach {
namespace {

constexpr std::string_view name_signs = ":~<>,()[]&";

/// At the commas that are in no brackets.
std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : list) {
    if (c == '(' || c == '[' || c == '<') depth++;
    if (c == ')' || c == ']' || c == '>') depth--;
    if (c == ',' && depth == 0)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

bool is_glob(std::string_view name) {
  return name.find_first_of("*?") != std::string_view::npos;
}

std::uint64_t cookie_at(const std::string& function, const Options& options) {
  const auto at = options.cookies.find(function);
  return at != options.cookies.end() ? at->second : options.cookie.value_or(0);
}

Result<UserPlaces> find_many(const symbols::ElfFile& file, std::string path,
                             const ProbeSpec& spec, const Options& options) {
  UserPlaces found{.path = std::move(path), .places = {}};
  std::vector<std::string> globs;
  std::unordered_set<std::string> names;
  for (const std::string& part : split(spec.target)) {
    if (is_glob(part)) {
      globs.push_back(part);
      continue;
    }
    const bool by_address = part.starts_with("0x");
    const Result<std::uint64_t> address = by_address ? parse_number(part) : 0;
    if (!address) return address.error();
    const Result<std::uint64_t> offset =
        by_address ? file.offset_of_address(*address) : file.offset_of(part, 0);
    if (offset && by_address)
      found.places.push_back({part, *offset, cookie_at(part, options)});
    else if (offset)
      names.insert(part);
    else if (offset.error().code == Code::not_supported)
      found.left_out++;
    else
      return offset.error();
  }
  const auto wanted = [&](const std::string& name) {
    return names.contains(name) || std::ranges::any_of(globs, [&](const auto& glob) {
             return ::fnmatch(glob.c_str(), name.c_str(), 0) == 0;
           });
  };
  for (auto& [name, offset] : file.function_offsets(wanted)) {
    const std::uint64_t cookie = cookie_at(name, options);
    found.places.push_back({std::move(name), offset, cookie});
  }
  if (found.places.empty())
    return attach_error(
        Code::not_found, fmt::format("{} has no function {}", found.path, spec.target),
        fmt::format("ebpf-lua -l 'uprobe:{}:*' shows what there is", spec.binary));
  return found;
}

}  // namespace

bool is_user_pattern(std::string_view target) {
  return is_glob(target) || split(target).size() > 1;
}

Result<ProbeSpec> parse_user_place(std::string_view rest, ProbeSpec spec) {
  // The first colon: symbols of C++ have colons, paths hardly ever.
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == rest.size())
    return malformed("a user probe has a binary and a function");
  spec.binary = rest.substr(0, colon);
  const std::string_view place = rest.substr(colon + 1);
  if (is_user_pattern(place)) {
    for (const std::string& part : split(place))
      if (!is_name(part, std::string(name_signs) + "*?"))
        return malformed(fmt::format("'{}' is not a function name or a pattern", part));
    spec.target = place;
    return spec;
  }
  if (!place.starts_with("0x")) return parse_symbol(place, std::move(spec));
  const Result<std::uint64_t> address = parse_number(place);
  if (!address) return address.error();
  spec.address = *address;
  return spec;
}

Result<ProbeSpec> parse_user_function(std::string_view rest, ProbeSpec spec) {
  Result<ProbeSpec> parsed = parse_user_place(rest, std::move(spec));
  if (parsed && parsed->offset != 0)
    return malformed("the return of a function has no offset");
  return parsed;
}

std::string user_place_text(const ProbeSpec& spec) {
  if (spec.target.empty()) return fmt::format("{}:{:#x}", spec.binary, spec.address);
  return fmt::format("{}:{}", spec.binary, symbol_text(spec));
}

Result<UserPlaces> find_user_places(const ProbeSpec& spec, const Options& options) {
  Result<std::string> path = user_binary(spec, options);
  if (!path) return place_error(spec, path.take_error());
  const Result<symbols::ElfFile> file = symbols::ElfFile::open(*path);
  if (!file) return place_error(spec, file.error());
  if (is_user_pattern(spec.target)) {
    Result<UserPlaces> found = find_many(*file, std::move(*path), spec, options);
    if (!found) return place_error(spec, found.take_error());
    return found;
  }
  const Result<std::uint64_t> offset = spec.target.empty()
                                           ? file->offset_of_address(spec.address)
                                           : file->offset_of(spec.target, spec.offset);
  if (!offset) return place_error(spec, offset.error());
  UserPlaces found{.path = std::move(*path), .places = {}};
  found.places.push_back({spec.target, *offset, cookie_at(spec.target, options)});
  return found;
}

}  // namespace ebl::attach
