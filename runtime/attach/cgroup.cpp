// cgroup:PATH:HOOK, the hooks that a control group (version 2) has for its processes.
// Each is a link: several programs may sit on one hook, and all of them must allow.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "attach/holders.h"
#include "attach/kind.h"
#include "attach/link_create.h"
#include "base/mounts.h"
#include "base/nearest.h"

namespace ebl::attach {
namespace {

// All tell the type of the program; none has room for a path.
constexpr std::string_view sections[] = {"cgroup", "cgroup_skb"};

struct Hook {
  std::string_view word;
  HookType type;
};

constexpr Hook hooks[] = {
    {"ingress",
     {BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, "cgroup_skb/ingress"}},
    {"egress", {BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, "cgroup_skb/egress"}},
    {"sock_create",
     {BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, "cgroup/sock_create"}},
    {"sock_release",
     {BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_RELEASE, "cgroup/sock_release"}},
    {"post_bind4",
     {BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET4_POST_BIND, "cgroup/post_bind4"}},
    {"post_bind6",
     {BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET6_POST_BIND, "cgroup/post_bind6"}},
    {"bind4", {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND, "cgroup/bind4"}},
    {"bind6", {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_BIND, "cgroup/bind6"}},
    {"connect4",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, "cgroup/connect4"}},
    {"connect6",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_CONNECT, "cgroup/connect6"}},
    {"connect_unix",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, type_unix_connect, "cgroup/connect_unix"}},
    {"sendmsg4",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_SENDMSG, "cgroup/sendmsg4"}},
    {"sendmsg6",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_SENDMSG, "cgroup/sendmsg6"}},
    {"sendmsg_unix",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, type_unix_sendmsg, "cgroup/sendmsg_unix"}},
    {"recvmsg4",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_RECVMSG, "cgroup/recvmsg4"}},
    {"recvmsg6",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_RECVMSG, "cgroup/recvmsg6"}},
    {"recvmsg_unix",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, type_unix_recvmsg, "cgroup/recvmsg_unix"}},
    {"getpeername4",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_GETPEERNAME,
      "cgroup/getpeername4"}},
    {"getpeername6",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_GETPEERNAME,
      "cgroup/getpeername6"}},
    {"getpeername_unix",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, type_unix_getpeername, "cgroup/getpeername_unix"}},
    {"getsockname4",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_GETSOCKNAME,
      "cgroup/getsockname4"}},
    {"getsockname6",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_GETSOCKNAME,
      "cgroup/getsockname6"}},
    {"getsockname_unix",
     {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, type_unix_getsockname, "cgroup/getsockname_unix"}},
    {"sysctl", {BPF_PROG_TYPE_CGROUP_SYSCTL, BPF_CGROUP_SYSCTL, "cgroup/sysctl"}},
    {"getsockopt",
     {BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_GETSOCKOPT, "cgroup/getsockopt"}},
    {"setsockopt",
     {BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT, "cgroup/setsockopt"}},
    {"device", {BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, "cgroup/dev"}},
    {"sock_ops", {BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS, "sockops"}},
};

const Hook* find_hook(std::string_view word) {
  const auto* hook = std::ranges::find(hooks, word, &Hook::word);
  return hook == std::end(hooks) ? nullptr : hook;
}

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return malformed("a path and a hook are wanted");
  spec.path = rest.substr(0, colon);
  spec.target = rest.substr(colon + 1);
  if (find_hook(spec.target)) return spec;
  std::vector<std::string> words;
  for (const Hook& hook : hooks) words.emplace_back(hook.word);
  std::string near = did_you_mean(spec.target, words);
  if (near.empty()) near = fmt::format("the hooks are {}", fmt::join(words, ", "));
  return malformed(fmt::format("no hook '{}'; {}", spec.target, near));
}

std::string text(const ProbeSpec& spec) {
  return fmt::format("{}:{}", spec.path, spec.target);
}

std::string names_no_hook(std::string_view) {
  return "";
}

HookType hook_type(const ProbeSpec& spec) {
  const Hook* hook = find_hook(spec.target);
  return hook ? hook->type : hooks[0].type;
}

/// The hook that a program's SEC() name is for; null where it leaves that open.
const Hook* hook_of_section(std::string_view section) {
  const auto* hook = std::ranges::find_if(
      hooks, [&](const Hook& one) { return one.type.section == section; });
  return hook == std::end(hooks) ? nullptr : hook;
}

Error other_hook(load::Program program, const ProbeSpec& spec) {
  return attach_error(
      Code::invalid,
      fmt::format("program {} is SEC(\"{}\") and cannot be attached to {}",
                  program.name(), program.section(), spec.text()),
      fmt::format("write SEC(\"{}\") for it", hook_type(spec).section));
}

Result<void> prepare_cgroup(load::Program program, const ProbeSpec& spec) {
  const Hook* own = hook_of_section(program.section());
  if (own && own->word != spec.target) return other_hook(program, spec);
  bpf_program__set_expected_attach_type(program.handle, hook_type(spec).attach_type);
  return {};
}

Result<UniqueFd> open_group(const ProbeSpec& spec) {
  UniqueFd group(::open(spec.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (group) return group;
  const int error = errno;
  const auto mount = find_mount("cgroup2");
  return attach_error(
      Code::not_found,
      fmt::format("{}: cannot open {}: {}", spec.text(), spec.path, errno_text(error)),
      mount ? "control groups (version 2) are below " + *mount
            : "mount -t cgroup2 cgroup2 /sys/fs/cgroup");
}

Holding attach_cgroup(load::Program program, const ProbeSpec& spec, const Options&) {
  const Result<UniqueFd> group = open_group(spec);
  if (!group) return group.error();
  LinkRequest request;
  request.target = static_cast<std::uint32_t>(group->get());
  request.type = hook_type(spec).attach_type;
  UniqueFd link = create_link(program, request);
  if (link) return Holding(std::make_unique<FdHolder>(std::move(link)));
  const int error = errno;
  if (error == EBADF) {
    const auto mount = find_mount("cgroup2");
    return attach_error(
        Code::invalid,
        fmt::format("{}: {} is not a control group of version 2", spec.text(), spec.path),
        mount ? "they are below " + *mount : "mount -t cgroup2 cgroup2 /sys/fs/cgroup");
  }
  const Hook* own = hook_of_section(program.section());
  if (error == EINVAL && own && own->word != spec.target)
    return other_hook(program, spec);
  if (error == EINVAL)
    return attach_error(Code::not_supported,
                        fmt::format("cannot attach to {}: {}: this kernel has no hook {}",
                                    spec.text(), errno_text(error), spec.target));
  if (error == EPERM || error == EACCES) {
    Error refused = attach_errno(spec, error, {Capability::bpf, Capability::net_admin});
    if (refused.hint.empty())
      refused.hint = "a program attached without a link to a group above may forbid it";
    return refused;
  }
  return attach_errno(spec, error, {Capability::bpf, Capability::net_admin});
}

}  // namespace

constinit const KindInfo cgroup_kind = {
    .kind = Kind::cgroup,
    .word = "cgroup",
    .form = "cgroup:PATH:HOOK, as in cgroup:/sys/fs/cgroup/web:connect4",
    .sections = sections,
    .options = {},
    .type = BPF_PROG_TYPE_CGROUP_SKB,
    .attach_type = {},
    .parse = parse,
    .text = text,
    .section_text = names_no_hook,
    .prepare = prepare_cgroup,
    .attach = attach_cgroup,
    .hook_type = hook_type,
};

}  // namespace ebl::attach
