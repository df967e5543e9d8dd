#include "load/inventory.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <memory>
#include <string_view>

#include "base/permissions.h"
#include "base/unique_fd.h"
#include "load/kernel_objects.h"
#include "load/link_target.h"
#include "load/map_ops.h"
#include "load/opened_map.h"

namespace ebl::load {
namespace {

constexpr double kNanoseconds = 1e9;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

/// The numbers that are names in a folder of /proc.
std::vector<int> numbers_in(const std::string& path) {
  std::vector<int> out;
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    char* end = nullptr;
    const long number = std::strtol(entry->d_name, &end, 10);
    if (end != entry->d_name && *end == '\0') out.push_back(static_cast<int>(number));
  }
  return out;
}

/// The number behind `word` in a file of /proc/PID/fdinfo; 0 where there is none.
std::uint32_t fdinfo_number(const std::string& path, std::string_view word) {
  std::ifstream file(path);
  for (std::string found; file >> found;) {
    std::uint32_t number = 0;
    if (found == word && file >> number) return number;
  }
  return 0;
}

/// Which processes have a descriptor of such an object, by its id.
std::multimap<std::uint32_t, pid_t> holders_of(const ObjectKind& kind) {
  std::multimap<std::uint32_t, pid_t> out;
  for (const int pid : numbers_in("/proc")) {
    const std::string process = "/proc/" + std::to_string(pid);
    std::map<std::uint32_t, bool> seen;
    for (const int fd : numbers_in(process + "/fd")) {
      char target[64];
      const std::string name = std::to_string(fd);
      const ssize_t length =
          ::readlink((process + "/fd/" + name).c_str(), target, sizeof target);
      if (length <= 0 ||
          std::string_view(target, static_cast<std::size_t>(length)) != kind.descriptor)
        continue;
      const std::uint32_t id = fdinfo_number(process + "/fdinfo/" + name, kind.id_field);
      if (id && !std::exchange(seen[id], true)) out.emplace(id, pid);
    }
  }
  return out;
}

/// Walks the ids of one kind of object; `describe` returns false for what has gone.
template <typename Describe>
Result<std::vector<Listed>> walk(const ObjectKind& kind, Describe describe) {
  static constexpr Capability kNeeded[] = {Capability::sys_admin};
  const auto refused = [&](int error) -> Error {
    const std::string doing = "list " + std::string(kind.word) + "s";
    if (error == EPERM || error == EACCES)
      return explain_permission(Stage::load, doing, error, kNeeded);
    return {.stage = Stage::load,
            .code = error == EINVAL ? Code::not_supported : Code::io,
            .message = "cannot " + doing + ": " + errno_text(error)};
  };
  std::vector<Listed> out;
  std::uint32_t id = 0;
  while (kind.next_id(id, &id) == 0) {
    const UniqueFd fd(kind.open(id));
    if (!fd) {
      if (errno == ENOENT) continue;  // it has gone meanwhile
      return refused(errno);
    }
    Listed one{.id = id, .facts = {}, .maps = {}, .holders = {}};
    if (describe(fd.get(), one)) out.push_back(std::move(one));
  }
  if (errno != ENOENT) return refused(errno);
  const auto holders = holders_of(kind);
  for (Listed& one : out) {
    const auto [first, last] = holders.equal_range(one.id);
    for (auto at = first; at != last; ++at) one.holders.push_back(at->second);
  }
  return out;
}

void add(Listed& one, const char* name, std::string text) {
  one.facts.push_back({.name = name, .text = std::move(text)});
}

void add(Listed& one, const char* name, std::uint64_t number) {
  one.facts.push_back({.name = name,
                       .text = {},
                       .number = static_cast<double>(number),
                       .is_number = true});
}

/// The kernel's boot in seconds since 1970.
double boot_time() {
  timespec wall{}, since{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  ::clock_gettime(CLOCK_BOOTTIME, &since);
  return static_cast<double>(wall.tv_sec - since.tv_sec) +
         static_cast<double>(wall.tv_nsec - since.tv_nsec) / kNanoseconds;
}

std::string program_type(std::uint32_t type) {
  constexpr std::uint32_t kNetfilter = 32;  // newer than libbpf 1.1.2
  const char* name = libbpf_bpf_prog_type_str(static_cast<bpf_prog_type>(type));
  if (name) return name;
  return type == kNetfilter ? "netfilter" : "type " + std::to_string(type);
}

std::string hexadecimal(const std::uint8_t* bytes, std::size_t count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < count; i++) {
    out += kDigits[bytes[i] >> 4];
    out += kDigits[bytes[i] & 15];
  }
  return out;
}

bool add_program(int fd, Listed& one) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return false;
  one.maps.resize(info.nr_map_ids);
  if (!one.maps.empty()) {
    bpf_prog_info again{};
    again.nr_map_ids = info.nr_map_ids;
    again.map_ids = reinterpret_cast<std::uintptr_t>(one.maps.data());
    size = sizeof again;
    if (bpf_obj_get_info_by_fd(fd, &again, &size) != 0) one.maps.clear();
  }
  add(one, "type", program_type(info.type));
  add(one, "name", info.name);
  add(one, "tag", hexadecimal(info.tag, sizeof info.tag));
  add(one, "xlated_size", info.xlated_prog_len);
  add(one, "jited_size", info.jited_prog_len);
  add(one, "memlock",
      fdinfo_number("/proc/self/fdinfo/" + std::to_string(fd), "memlock:"));
  add(one, "uid", info.created_by_uid);
  add(one, "loaded_at",
      static_cast<std::uint64_t>(boot_time() +
                                 static_cast<double>(info.load_time) / kNanoseconds));
  add(one, "run_cnt", info.run_cnt);
  add(one, "run_time_ns", info.run_time_ns);
  if (size >= offsetof(bpf_prog_info, recursion_misses) + sizeof info.recursion_misses)
    add(one, "recursion_misses", info.recursion_misses);
  if (size >= offsetof(bpf_prog_info, verified_insns) + sizeof info.verified_insns)
    add(one, "verified_insns", info.verified_insns);
  if (info.btf_id) add(one, "btf_id", info.btf_id);
  one.id = info.id;
  return true;
}

bool describe_map(int fd, Listed& one) {
  bpf_map_info info{};
  std::uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return false;
  const MapState state = map_state(fd);
  add(one, "type", map_type_name(info.type));
  add(one, "name", info.name);
  add(one, "key_size", info.key_size);
  add(one, "value_size", info.value_size);
  add(one, "max_entries", info.max_entries);
  add(one, "flags", info.map_flags);
  add(one, "memlock", state.memory);
  add(one, "frozen", std::uint64_t{state.frozen});
  if (info.btf_id) add(one, "btf_id", info.btf_id);
  if (info.ifindex) add(one, "ifindex", info.ifindex);
  return true;
}

bool describe_link(int fd, Listed& one) {
  const std::optional<LinkTarget> target = link_target(fd);
  if (!target) return false;
  add(one, "type", target->type);
  add(one, "program_id", target->program_id);
  if (!target->target.empty()) add(one, "target", target->target);
  if (!target->attach_type.empty()) add(one, "attach_type", target->attach_type);
  for (const auto& [name, number] : target->numbers) add(one, name, number);
  return true;
}

}  // namespace

Result<Listed> describe_program(int program_fd) {
  Listed one;
  if (add_program(program_fd, one)) return one;
  return Error{
      .stage = Stage::load,
      .code = Code::io,
      .message = "cannot read what the kernel knows of a program: " + errno_text(errno)};
}

Result<std::vector<Listed>> list_programs() {
  return walk(program_kind, add_program);
}

Result<std::vector<Listed>> list_maps() {
  return walk(map_kind, describe_map);
}

Result<std::vector<Listed>> list_links() {
  return walk(link_kind, describe_link);
}

}  // namespace ebl::load
