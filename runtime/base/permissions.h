// Why the kernel said EPERM, in one sentence, and what to do about it.
//
// EPERM is never just "be root": root in a container lacks capabilities, a seccomp filter
// or a lockdown mode refuses what capabilities allow, and perf has a switch of its own.
// This reads the facts that decide, and names the one that is in the way.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ebl {

/// The capabilities that BPF work takes, with the kernel's numbers (linux/capability.h).
enum class Capability : unsigned {
  net_admin = 12,
  sys_ptrace = 19,
  sys_admin = 21,
  sys_resource = 24,
  syslog = 34,
  perfmon = 38,
  bpf = 39,
};

/// "CAP_BPF".
std::string_view to_string(Capability capability);

enum class Lockdown { unknown, none, integrity, confidentiality };

/// "integrity".
std::string_view to_string(Lockdown mode);

/// The text of /sys/kernel/security/lockdown: "none [integrity] confidentiality".
Lockdown parse_lockdown(std::string_view text);

/// What decides about privileges on this machine now. Data, so that tests can make it up.
struct PrivilegeFacts {
  bool root = false;            ///< effective user id 0
  std::uint64_t effective = 0;  ///< bit n: capability number n
  bool user_namespace =
      false;  ///< not the initial one: capabilities do not reach out of it
  bool seccomp_filter = false;
  Lockdown lockdown = Lockdown::unknown;
  std::optional<int> unprivileged_bpf_disabled;
  std::optional<int> perf_event_paranoid;

  /// CAP_SYS_ADMIN stands for CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYSLOG, as in
  /// the kernel's bpf code.
  bool has(Capability capability) const;
};

/// Reads the facts. Mounts securityfs where it is missing and this process may (the
/// lockdown mode is readable nowhere else), so call it on failures only.
PrivilegeFacts privilege_facts();

/// The Error for `error_number` (EPERM or EACCES) from doing `what` ("load program
/// on_exec"), which takes all of `needed`. Code::not_permitted when a privilege would
/// help, Code::not_supported when lockdown refuses it to everybody. `detail` lists the
/// facts.
Error explain_permission(Stage stage, std::string_view what, int error_number,
                         std::span<const Capability> needed, const PrivilegeFacts& facts);
Error explain_permission(Stage stage, std::string_view what, int error_number,
                         std::span<const Capability> needed);

}  // namespace ebl
