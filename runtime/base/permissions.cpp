#include "base/permissions.h"

#include <cap-ng.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/mounts.h"

namespace ebl {
namespace {

constexpr const char* lockdown_path = "/kernel/security/lockdown";

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  if (file) text << file.rdbuf();
  return text.str();
}

std::optional<int> read_number(const std::string& path) {
  std::ifstream file(path);
  int number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

bool in_user_namespace() {
  // The initial namespace maps every id to itself: "0 0 4294967295".
  std::istringstream map(read_file("/proc/self/uid_map"));
  std::uint64_t inside = 0, outside = 0, count = 0;
  if (!(map >> inside >> outside >> count)) return false;
  return inside != 0 || outside != 0 || count < 4294967295;
}

bool has_seccomp_filter() {
  std::istringstream status(read_file("/proc/self/status"));
  for (std::string word; status >> word;)
    if (word == "Seccomp:") return status >> word && word == "2";
  return false;
}

Lockdown read_lockdown() {
  const std::string text = read_file(std::string("/sys") + lockdown_path);
  if (!text.empty()) return parse_lockdown(text);
  if (const auto mounted = ensure_mounted("securityfs", "/sys/kernel/security"))
    return parse_lockdown(read_file(*mounted + "/lockdown"));
  return Lockdown::unknown;
}

std::string describe(const PrivilegeFacts& facts) {
  const auto number = [](std::optional<int> value) {
    return value ? std::to_string(*value) : "unknown";
  };
  return fmt::format(
      "effective capabilities {:#x}, lockdown {}, kernel.unprivileged_bpf_disabled {}, "
      "kernel.perf_event_paranoid {}, seccomp filter {}, user namespace {}",
      facts.effective, to_string(facts.lockdown), number(facts.unprivileged_bpf_disabled),
      number(facts.perf_event_paranoid), facts.seccomp_filter ? "yes" : "no",
      facts.user_namespace ? "yes" : "no");
}

}  // namespace

std::string_view to_string(Lockdown mode) {
  switch (mode) {
    case Lockdown::unknown: return "unknown";
    case Lockdown::none: return "none";
    case Lockdown::integrity: return "integrity";
    case Lockdown::confidentiality: return "confidentiality";
  }
  return "unknown";
}

std::string_view to_string(Capability capability) {
  switch (capability) {
    case Capability::net_admin: return "CAP_NET_ADMIN";
    case Capability::sys_ptrace: return "CAP_SYS_PTRACE";
    case Capability::sys_admin: return "CAP_SYS_ADMIN";
    case Capability::sys_resource: return "CAP_SYS_RESOURCE";
    case Capability::syslog: return "CAP_SYSLOG";
    case Capability::perfmon: return "CAP_PERFMON";
    case Capability::bpf: return "CAP_BPF";
  }
  return "CAP_?";
}

Lockdown parse_lockdown(std::string_view text) {
  for (const Lockdown mode :
       {Lockdown::none, Lockdown::integrity, Lockdown::confidentiality})
    if (text.find("[" + std::string(to_string(mode)) + "]") != std::string_view::npos)
      return mode;
  return Lockdown::unknown;
}

bool PrivilegeFacts::has(Capability capability) const {
  const auto bit = [&](Capability c) {
    return effective >> static_cast<unsigned>(c) & 1;
  };
  if (bit(capability)) return true;
  return capability != Capability::sys_ptrace && capability != Capability::sys_resource &&
         bit(Capability::sys_admin);
}

PrivilegeFacts privilege_facts() {
  PrivilegeFacts facts;
  facts.root = ::geteuid() == 0;
  capng_get_caps_process();
  for (unsigned number = 0; number < 64; number++)
    if (capng_have_capability(CAPNG_EFFECTIVE, number) == 1)
      facts.effective |= std::uint64_t{1} << number;
  facts.user_namespace = in_user_namespace();
  facts.seccomp_filter = has_seccomp_filter();
  facts.lockdown = read_lockdown();
  facts.unprivileged_bpf_disabled =
      read_number("/proc/sys/kernel/unprivileged_bpf_disabled");
  facts.perf_event_paranoid = read_number("/proc/sys/kernel/perf_event_paranoid");
  return facts;
}

Error explain_permission(Stage stage, std::string_view what, int error_number,
                         std::span<const Capability> needed,
                         const PrivilegeFacts& facts) {
  Error error{.stage = stage, .code = Code::not_permitted, .detail = describe(facts)};
  const auto because = [&](std::string_view cause) {
    error.message = fmt::format("cannot {}: {}", what, cause);
  };

  std::vector<std::string> missing;
  for (const Capability capability : needed)
    if (!facts.has(capability)) missing.emplace_back(to_string(capability));
  if (!missing.empty()) {
    const std::string names = fmt::format("{}", fmt::join(missing, " and "));
    const char* verb = missing.size() == 1 ? "is" : "are";
    if (facts.root) {
      because(fmt::format("{} {} missing, although this is root", names, verb));
      error.hint =
          "the container or service dropped it: add it there (docker run --cap-add, "
          "CapabilityBoundingSet= of systemd)";
    } else {
      because(fmt::format("{} {} missing", names, verb));
      error.hint = "run it with sudo, or give the service " + names +
                   " (AmbientCapabilities= of systemd)";
    }
    return error;
  }
  if (facts.user_namespace) {
    because(
        "this is a user namespace, whose capabilities the kernel does not accept here");
    error.hint = "run it in the initial user namespace (outside the rootless container)";
    return error;
  }
  // Lockdown has rules for tracing only.
  const bool tracing = std::ranges::find(needed, Capability::perfmon) != needed.end();
  const bool locked = facts.lockdown == Lockdown::integrity ||
                      facts.lockdown == Lockdown::confidentiality;
  if (tracing && locked) {
    error.code = Code::not_supported;
    because(fmt::format("the kernel is locked down ({} mode) and refuses it to everybody",
                        to_string(facts.lockdown)));
    error.hint =
        "use a hook that lockdown allows: tracepoint, raw_tracepoint, tp_btf, uprobe";
    return error;
  }
  if (facts.seccomp_filter) {
    because("a seccomp filter refuses the system call");
    error.hint =
        "the container's profile must allow bpf and perf_event_open "
        "(docker run --security-opt seccomp=…)";
    return error;
  }
  because(errno_text(error_number) + ", although no capability is missing");
  error.hint = "a security module (SELinux, AppArmor) may refuse it: see its audit log";
  return error;
}

Error explain_permission(Stage stage, std::string_view what, int error_number,
                         std::span<const Capability> needed) {
  return explain_permission(stage, what, error_number, needed, privilege_facts());
}

}  // namespace ebl
