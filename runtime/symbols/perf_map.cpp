#include "symbols/perf_map.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include "base/unique_fd.h"

namespace ebl::symbols {
namespace {

constexpr std::size_t most_bytes = 64 << 20;

/// The process's id as it knows it itself: the last of NSpid in /proc/PID/status.
int own_pid(int pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  int own = pid;
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("NSpid:")) continue;
    std::istringstream ids(line.substr(6));
    for (int id; ids >> id;) own = id;
  }
  return own;
}

std::optional<std::uint64_t> take_hex(std::string_view& line) {
  std::uint64_t value = 0;
  const auto [at, error] =
      std::from_chars(line.data(), line.data() + line.size(), value, 16);
  const auto used = static_cast<std::size_t>(at - line.data());
  if (error != std::errc() || used >= line.size() || line[used] != ' ')
    return std::nullopt;
  line.remove_prefix(used + 1);
  return value;
}

}  // namespace

PerfMap PerfMap::parse(std::string_view text) {
  PerfMap out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto start = take_hex(line);
    const auto size = start ? take_hex(line) : std::nullopt;
    if (size && !line.empty()) out.entries_.push_back({*start, *size, std::string(line)});
  }
  std::ranges::stable_sort(out.entries_, {}, &Entry::start);
  return out;
}

PerfMap PerfMap::of_process(int pid) {
  const std::string process = fmt::format("/proc/{}", pid);
  const std::string path = fmt::format("{}/root/tmp/perf-{}.map", process, own_pid(pid));
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat file, owner;
  if (!fd || ::fstat(fd.get(), &file) != 0 || ::stat(process.c_str(), &owner) != 0)
    return {};
  if (!S_ISREG(file.st_mode) || (file.st_uid != owner.st_uid && file.st_uid != 0))
    return {};
  std::string text(std::min<std::size_t>(file.st_size, most_bytes), '\0');
  std::size_t used = 0;
  while (used < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + used, text.size() - used);
    if (got <= 0) break;
    used += static_cast<std::size_t>(got);
  }
  return parse(std::string_view(text).substr(0, used));
}

std::optional<PerfMap::Entry> PerfMap::at(std::uint64_t address) const {
  const auto after = std::ranges::upper_bound(entries_, address, {}, &Entry::start);
  if (after == entries_.begin()) return std::nullopt;
  const Entry& entry = *std::prev(after);
  if (address - entry.start >= entry.size) return std::nullopt;
  return entry;
}

}  // namespace ebl::symbols
