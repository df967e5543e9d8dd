// Explanations of EPERM from made-up facts, and the parsers of the files behind the
// facts.
#include "base/permissions.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>

#include "base/mounts.h"

namespace ebl {
namespace {

constexpr std::uint64_t all = (std::uint64_t{1} << 41) - 1;
constexpr std::uint64_t bit(Capability capability) {
  return std::uint64_t{1} << static_cast<unsigned>(capability);
}
constexpr Capability tracing[] = {Capability::bpf, Capability::perfmon};
constexpr Capability networking[] = {Capability::bpf, Capability::net_admin};

struct Case {
  PrivilegeFacts facts;
  std::span<const Capability> needed;
  Code code;
  const char *message, *hint;
};

TEST(Permissions, the_one_cause_is_named_with_its_remedy) {
  const Case cases[] = {
      {{},
       tracing,
       Code::not_permitted,
       "cannot do it: CAP_BPF and CAP_PERFMON are missing",
       "run it with sudo, or give the service CAP_BPF and CAP_PERFMON "
       "(AmbientCapabilities= of systemd)"},
      {{.effective = bit(Capability::bpf)},
       tracing,
       Code::not_permitted,
       "cannot do it: CAP_PERFMON is missing",
       "run it with sudo, or give the service CAP_PERFMON (AmbientCapabilities= of "
       "systemd)"},
      {{.root = true,
        .effective = all & ~bit(Capability::sys_admin) & ~bit(Capability::bpf)},
       networking,
       Code::not_permitted,
       "cannot do it: CAP_BPF is missing, although this is root",
       "the container or service dropped it: add it there (docker run --cap-add, "
       "CapabilityBoundingSet= of systemd)"},
      {{.root = true,
        .effective = all,
        .user_namespace = true,
        .lockdown = Lockdown::integrity},
       tracing,
       Code::not_permitted,
       "cannot do it: this is a user namespace, whose capabilities the kernel does not "
       "accept "
       "here",
       "run it in the initial user namespace (outside the rootless container)"},
      {{.root = true, .effective = all, .lockdown = Lockdown::integrity},
       tracing,
       Code::not_supported,
       "cannot do it: the kernel is locked down (integrity mode) and refuses it to "
       "everybody",
       "use a hook that lockdown allows: tracepoint, raw_tracepoint, tp_btf, uprobe"},
      {{.root = true,
        .effective = all,
        .seccomp_filter = true,
        .lockdown = Lockdown::confidentiality},
       networking,
       Code::not_permitted,
       "cannot do it: a seccomp filter refuses the system call",
       "the container's profile must allow bpf and perf_event_open "
       "(docker run --security-opt seccomp=…)"},
      {{.root = true, .effective = all, .lockdown = Lockdown::none},
       tracing,
       Code::not_permitted,
       "cannot do it: EPERM (Operation not permitted), although no capability is missing",
       "a security module (SELinux, AppArmor) may refuse it: see its audit log"},
  };
  for (const Case& one : cases) {
    const Error error =
        explain_permission(Stage::attach, "do it", EPERM, one.needed, one.facts);
    EXPECT_EQ(error.message, one.message);
    EXPECT_EQ(error.hint, one.hint);
    EXPECT_EQ(error.code, one.code) << one.message;
    EXPECT_EQ(error.stage, Stage::attach);
  }
}

TEST(Permissions, the_detail_lists_the_facts) {
  const Error error = explain_permission(
      Stage::load, "do it", EPERM, tracing,
      {.effective = 0x10, .lockdown = Lockdown::none, .unprivileged_bpf_disabled = 2});
  EXPECT_EQ(
      error.detail,
      "effective capabilities 0x10, lockdown none, kernel.unprivileged_bpf_disabled 2, "
      "kernel.perf_event_paranoid unknown, seccomp filter no, user namespace no");
}

TEST(Permissions, sys_admin_stands_for_the_younger_capabilities) {
  const PrivilegeFacts facts{.effective = bit(Capability::sys_admin)};
  for (const Capability one :
       {Capability::bpf, Capability::perfmon, Capability::net_admin, Capability::syslog})
    EXPECT_TRUE(facts.has(one)) << to_string(one);
  EXPECT_FALSE(facts.has(Capability::sys_ptrace));
  EXPECT_FALSE(facts.has(Capability::sys_resource));
}

TEST(Permissions, lockdown_is_the_word_in_brackets) {
  EXPECT_EQ(parse_lockdown("[none] integrity confidentiality\n"), Lockdown::none);
  EXPECT_EQ(parse_lockdown("none [integrity] confidentiality\n"), Lockdown::integrity);
  EXPECT_EQ(parse_lockdown("none integrity [confidentiality]\n"),
            Lockdown::confidentiality);
  EXPECT_EQ(parse_lockdown("none integrity"), Lockdown::unknown);
  EXPECT_EQ(parse_lockdown(""), Lockdown::unknown);
}

TEST(Permissions, the_facts_of_this_process_are_readable) {
  const PrivilegeFacts facts = privilege_facts();
  EXPECT_EQ(facts.root, ::geteuid() == 0);
  EXPECT_TRUE(facts.perf_event_paranoid);
}

TEST(Mounts, are_parsed_with_their_escapes) {
  const std::vector<Mount> mounts = parse_mounts(
      "sysfs /sys sysfs rw 0 0\n"
      "tracefs /mnt/with\\040blank\\134 tracefs rw,relatime 0 0\n"
      "broken line\n"
      "x /half\\04 ext4 rw 0 0\n");
  ASSERT_EQ(mounts.size(), 3u);
  EXPECT_EQ(mounts[0].type, "sysfs");
  EXPECT_EQ(mounts[1].point, "/mnt/with blank\\");
  EXPECT_EQ(mounts[2].point, "/half\\04");
}

TEST(Mounts, finds_proc_and_nothing_unknown) {
  EXPECT_EQ(find_mount("proc"), "/proc");
  EXPECT_FALSE(find_mount("nosuchfs"));
}

TEST(Mounts, what_cannot_be_mounted_says_why) {
  EXPECT_EQ(*ensure_mounted("proc", "/nowhere"), "/proc");
  const Result<std::string> missing = ensure_mounted("nosuchfs", "/tmp");
  ASSERT_FALSE(missing);
  if (::geteuid() == 0) {
    EXPECT_EQ(missing.error().code, Code::not_supported);
    EXPECT_EQ(missing.error().message, "this kernel was built without nosuchfs");
  } else {
    EXPECT_EQ(missing.error().code, Code::not_permitted);
    EXPECT_EQ(missing.error().hint, "run once as root: mount -t nosuchfs nosuchfs /tmp");
  }
}

}  // namespace
}  // namespace ebl
