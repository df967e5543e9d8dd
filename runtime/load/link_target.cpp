#include "load/link_target.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdio>
#include <cstring>

#include "base/mounts.h"
#include "base/unique_fd.h"
#include "btf/btf.h"

namespace ebl::load {
namespace {

/// struct bpf_link_info of Linux 6.9; libbpf 1.1.2's own is older.
struct Raw {
  std::uint32_t type, id, program_id, pad;
  union {
    struct {
      std::uint64_t text;
      std::uint32_t length;
    } named;  // raw_tracepoint, iter
    struct {
      std::uint32_t attach_type, object_id, type_id;
    } tracing;
    struct {
      std::uint64_t id;
      std::uint32_t attach_type;
    } cgroup;
    struct {
      std::uint32_t first, second;
    } pair;  // xdp, tcx, netkit, netns, maps
    struct {
      std::uint32_t family, hook;
      std::int32_t priority;
    } netfilter;
    struct {
      std::uint64_t addresses;
      std::uint32_t count, flags;
      std::uint64_t missed;
    } functions;
    struct {
      std::uint64_t path, offsets, counters, cookies;
      std::uint32_t path_size, count, flags, pid;
    } places;
    struct {
      std::uint32_t kind, pad;
      std::uint64_t text;
      std::uint32_t length, offset;
      std::uint64_t address, missed;
    } perf;
    std::uint64_t room[16];
  };
};

constexpr std::array<const char*, 15> kTypes = {
    "unspec",       "raw_tracepoint", "tracing",      "cgroup",     "iter",      "netns",
    "xdp",          "perf_event",     "kprobe_multi", "struct_ops", "netfilter", "tcx",
    "uprobe_multi", "netkit",         "sockmap"};

// Places in kTypes.
enum : std::uint32_t {
  kRawTracepoint = 1,
  kTracing,
  kCgroup,
  kIter,
  kNetns,
  kXdp,
  kPerfEvent,
  kKprobeMulti,
  kStructOps,
  kNetfilter,
  kTcx,
  kUprobeMulti,
  kNetkit,
  kSockmap
};

std::string attach_type_name(std::uint32_t type) {
  // Those that libbpf 1.1.2 does not know.
  switch (type) {
    case 46: return "tcx_ingress";
    case 47: return "tcx_egress";
    case 54: return "netkit_primary";
    case 55: return "netkit_peer";
    default: break;
  }
  const char* name = libbpf_bpf_attach_type_str(static_cast<bpf_attach_type>(type));
  return name ? name : "type " + std::to_string(type);
}

std::string interface_name(std::uint32_t index) {
  char name[IF_NAMESIZE];
  if (index == 0) return "(its interface has gone)";
  return ::if_indextoname(index, name) ? name : "interface " + std::to_string(index);
}

/// The path of a control group: its id is its file handle.
std::string cgroup_path(std::uint64_t id) {
  constexpr int kKernfs = 0xfe;
  const auto mount = find_mount("cgroup2");
  const UniqueFd root(mount ? ::open(mount->c_str(), O_RDONLY | O_CLOEXEC) : -1);
  if (!root) return {};
  alignas(file_handle) char bytes[sizeof(file_handle) + sizeof id];
  auto* handle = reinterpret_cast<file_handle*>(bytes);
  handle->handle_bytes = sizeof id;
  handle->handle_type = kKernfs;
  std::memcpy(handle->f_handle, &id, sizeof id);
  const UniqueFd group(::open_by_handle_at(root.get(), handle, O_PATH | O_CLOEXEC));
  if (!group) return {};
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(group.get());
  const ssize_t length = ::readlink(link.c_str(), path, sizeof path);
  return length > 0 ? std::string(path, static_cast<std::size_t>(length)) : std::string();
}

/// The function, tracepoint or hook of a tracing link, where it is the kernel's own.
std::string traced_name(std::uint32_t object_id, std::uint32_t type_id) {
  const UniqueFd fd(object_id ? bpf_btf_get_fd_by_id(object_id) : -1);
  char name[64] = {};
  bpf_btf_info info{};
  info.name = reinterpret_cast<std::uintptr_t>(name);
  info.name_len = sizeof name;
  std::uint32_t size = sizeof info;
  if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) return {};
  if (!info.kernel_btf || std::strcmp(name, "vmlinux") != 0) return {};
  const Result<btf::Btf> kernel = btf::Btf::from_file("/sys/kernel/btf/vmlinux");
  if (!kernel || type_id >= kernel->type_count()) return {};
  const std::string found(kernel->name(type_id));
  constexpr std::string_view kTracepoint = "btf_trace_";
  return found.starts_with(kTracepoint) ? found.substr(kTracepoint.size()) : found;
}

std::string with_offset(std::string name, std::uint64_t offset, const char* sign) {
  if (name.empty()) return name;
  char text[24];
  std::snprintf(text, sizeof text, "%s0x%llx", sign,
                static_cast<unsigned long long>(offset));
  return name + text;
}

void describe_perf(const Raw& raw, const std::string& text, LinkTarget& out) {
  static constexpr std::array<const char*, 7> kKinds = {
      "", "uprobe", "uretprobe", "kprobe", "kretprobe", "tracepoint", "event"};
  if (raw.perf.kind == 0 || raw.perf.kind >= kKinds.size()) return;  // before 6.6
  out.attach_type = kKinds[raw.perf.kind];
  if (raw.perf.kind <= 2)
    out.target = with_offset(text, raw.perf.offset, ":");
  else if (raw.perf.kind <= 4)
    out.target = raw.perf.offset ? with_offset(text, raw.perf.offset, "+") : text;
  else if (raw.perf.kind == 5)
    out.target = text;
  if (raw.perf.kind == 3 || raw.perf.kind == 4)
    out.numbers.emplace_back("missed", raw.perf.missed);
}

void describe(const Raw& raw, const std::string& text, LinkTarget& out) {
  switch (raw.type) {
    case kRawTracepoint:
    case kIter: out.target = text; break;
    case kTracing:
      out.attach_type = attach_type_name(raw.tracing.attach_type);
      out.target = traced_name(raw.tracing.object_id, raw.tracing.type_id);
      break;
    case kCgroup:
      out.attach_type = attach_type_name(raw.cgroup.attach_type);
      out.target = cgroup_path(raw.cgroup.id);
      out.numbers.emplace_back("cgroup_id", raw.cgroup.id);
      break;
    case kNetns:
      out.attach_type = attach_type_name(raw.pair.second);
      out.target = "net:[" + std::to_string(raw.pair.first) + "]";
      break;
    case kTcx:
    case kNetkit: out.attach_type = attach_type_name(raw.pair.second); [[fallthrough]];
    case kXdp:
      out.target = interface_name(raw.pair.first);
      out.numbers.emplace_back("ifindex", raw.pair.first);
      break;
    case kSockmap: out.attach_type = attach_type_name(raw.pair.second); [[fallthrough]];
    case kStructOps: out.numbers.emplace_back("map_id", raw.pair.first); break;
    case kNetfilter:
      out.target = "family " + std::to_string(raw.netfilter.family) + " hook " +
                   std::to_string(raw.netfilter.hook) + " priority " +
                   std::to_string(raw.netfilter.priority);
      break;
    case kKprobeMulti:
      out.numbers.emplace_back("functions", raw.functions.count);
      out.numbers.emplace_back("missed", raw.functions.missed);
      break;
    case kUprobeMulti:
      out.target = text;
      out.numbers.emplace_back("functions", raw.places.count);
      if (raw.places.pid) out.numbers.emplace_back("pid", raw.places.pid);
      break;
    case kPerfEvent: describe_perf(raw, text, out); break;
    default: break;
  }
}

bool read_raw(int fd, Raw& raw) {
  std::uint32_t size = sizeof raw;
  return bpf_obj_get_info_by_fd(fd, reinterpret_cast<bpf_link_info*>(&raw), &size) == 0;
}

}  // namespace

std::optional<LinkTarget> link_target(int fd) {
  Raw raw{};
  if (!read_raw(fd, raw)) return std::nullopt;
  LinkTarget out;
  out.type =
      raw.type < kTypes.size() ? kTypes[raw.type] : "type " + std::to_string(raw.type);
  out.program_id = raw.program_id;
  // Texts are asked for in a second call, which names the room for them.
  char text[PATH_MAX] = {};
  const auto room = reinterpret_cast<std::uintptr_t>(text);
  Raw named{};
  if (raw.type == kRawTracepoint || raw.type == kIter) {
    named.named = {room, sizeof text};
  } else if (raw.type == kPerfEvent && raw.perf.kind != 0) {
    named.perf.text = room;
    named.perf.length = sizeof text;
  } else if (raw.type == kUprobeMulti) {
    named.places.path = room;
    named.places.path_size = sizeof text;
  }
  if (named.room[0] || named.room[1]) {
    if (read_raw(fd, named)) raw = named;
  }
  text[sizeof text - 1] = '\0';
  describe(raw, text, out);
  return out;
}

}  // namespace ebl::load
