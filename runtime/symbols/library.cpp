#include "symbols/library.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/nearest.h"

namespace ebl::symbols {
namespace {

constexpr const char* cache_path = "/etc/ld.so.cache";
constexpr std::string_view magic = "glibc-ld.so.cache1.1";
constexpr std::string_view old_magic = "ld.so-1.7.0";

// Offsets in an entry and in the header, in bytes.
constexpr std::size_t header_size = 48, entry_size = 24;
constexpr std::size_t count_at = 20;
constexpr std::size_t flags_at = 0, name_at = 4, path_at = 8;

// Flags of an entry: the low byte is the C library (3: glibc), the next the machine.
#if defined(__x86_64__)
constexpr std::uint32_t own_flags = 0x0303;
#elif defined(__aarch64__)
constexpr std::uint32_t own_flags = 0x0a03;
#elif defined(__riscv)
constexpr std::uint32_t own_flags = 0x1003;
#else
constexpr std::uint32_t own_flags = 0x0003;
#endif

std::uint32_t word(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::string_view text(std::span<const std::byte> bytes, std::size_t at) {
  if (at >= bytes.size()) return "";
  const char* begin = reinterpret_cast<const char*>(bytes.data()) + at;
  return {begin, ::strnlen(begin, bytes.size() - at)};
}

/// Where the new format begins: at once, or after the old format's table.
std::size_t start_of(std::span<const std::byte> bytes) {
  constexpr std::size_t old_header = 16, old_entry = 12;
  if (!text(bytes, 0).starts_with(old_magic) || bytes.size() < old_header) return 0;
  const std::size_t end = old_header + std::size_t{word(bytes, 12)} * old_entry;
  return (end + 7) / 8 * 8;
}

std::string stem(std::string_view name) {
  return std::string(name.substr(0, name.find(".so")));
}

std::vector<CachedLibrary> read_cache() {
  std::ifstream file(cache_path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  Result<std::vector<CachedLibrary>> libraries =
      parse_library_cache(std::as_bytes(std::span(bytes)));
  return libraries ? std::move(*libraries) : std::vector<CachedLibrary>();
}

std::string find_in_path(const std::string& name) {
  const char* variable = ::secure_getenv("PATH");
  std::istringstream folders(variable ? variable : "/usr/bin:/bin:/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.starts_with('/')) continue;  // the current folder is not searched
    std::string path = folder + "/" + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

}  // namespace

Result<std::vector<CachedLibrary>> parse_library_cache(std::span<const std::byte> bytes) {
  const std::size_t start = start_of(bytes);
  const auto invalid = [] {
    return Error{.stage = Stage::symbols,
                 .code = Code::invalid,
                 .message = std::string(cache_path) + " is not in glibc's format",
                 .hint = "give the library's path"};
  };
  if (start + header_size > bytes.size()) return invalid();
  const std::span<const std::byte> cache = bytes.subspan(start);
  if (std::memcmp(cache.data(), magic.data(), magic.size()) != 0) return invalid();
  const std::size_t count = word(cache, count_at);
  if (count > (cache.size() - header_size) / entry_size) return invalid();

  std::vector<CachedLibrary> libraries;
  for (std::size_t i = 0; i < count; i++) {
    const std::size_t entry = header_size + i * entry_size;
    if (word(cache, entry + flags_at) != own_flags) continue;
    libraries.push_back({std::string(text(cache, word(cache, entry + name_at))),
                         std::string(text(cache, word(cache, entry + path_at)))});
  }
  return libraries;
}

std::vector<std::string> library_names() {
  std::vector<std::string> names;
  for (const CachedLibrary& library : read_cache()) names.push_back(stem(library.name));
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

Result<std::string> find_binary(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const std::vector<CachedLibrary> libraries = read_cache();
  for (const CachedLibrary& library : libraries)
    if (library.name == name || stem(library.name) == name) return library.path;
  if (std::string path = find_in_path(name); !path.empty()) return path;
  std::vector<std::string> names;
  for (const CachedLibrary& library : libraries) names.push_back(stem(library.name));
  Error error{.stage = Stage::symbols,
              .code = Code::not_found,
              .message = fmt::format("no library and no program is called {}", name),
              .hint = did_you_mean(name, names)};
  if (error.hint.empty()) error.hint = "give its path";
  return error;
}

}  // namespace ebl::symbols
