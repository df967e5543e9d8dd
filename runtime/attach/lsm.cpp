// lsm:HOOK (5.7): a security hook of the whole system; lsm_cgroup:PATH:HOOK (6.0): the
// same for the processes of a control group. A result other than 0 (lsm: a negative
// errno; lsm_cgroup: 0 instead of 1) refuses what the kernel asks about.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "attach/holders.h"
#include "attach/kernel_function.h"
#include "attach/kind.h"
#include "attach/link_create.h"
#include "base/file.h"
#include "base/mounts.h"
#include "base/nearest.h"

namespace ebl::attach {
namespace {

constexpr std::string_view lsm_sections[] = {"lsm", "lsm.s"};
constexpr std::string_view lsm_cgroup_sections[] = {"lsm_cgroup"};

// Each hook is an empty function of this name, which programs are attached to.
constexpr std::string_view prefix = "bpf_lsm_";

Result<ProbeSpec> parse_lsm(std::string_view rest, ProbeSpec spec) {
  if (!is_name(rest)) return malformed(fmt::format("'{}' is not a hook", rest));
  spec.target = rest;
  return spec;
}

Result<ProbeSpec> parse_lsm_cgroup(std::string_view rest, ProbeSpec spec) {
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return malformed("a path and a hook are wanted");
  spec.path = rest.substr(0, colon);
  return parse_lsm(rest.substr(colon + 1), std::move(spec));
}

std::string lsm_text(const ProbeSpec& spec) {
  return spec.target;
}

std::string lsm_cgroup_text(const ProbeSpec& spec) {
  return fmt::format("{}:{}", spec.path, spec.target);
}

/// A section tells the hook, but has no room for a path.
std::string names_no_group(std::string_view) {
  return "";
}

Error no_such_hook(const ProbeSpec& spec) {
  std::vector<std::string> hooks;
  for (const std::string& function : btf_functions())
    if (function.starts_with(prefix)) hooks.push_back(function.substr(prefix.size()));
  if (hooks.empty())
    return attach_error(Code::not_supported,
                        fmt::format("{}: this kernel was built without BPF for security "
                                    "hooks (CONFIG_BPF_LSM)",
                                    spec.text()),
                        "watch with a tracepoint or fentry instead");
  return attach_error(Code::not_found,
                      fmt::format("{}: no security hook '{}'", spec.text(), spec.target),
                      did_you_mean(spec.target, hooks));
}

Result<void> prepare_lsm(load::Program program, const ProbeSpec& spec) {
  bpf_program__set_expected_attach_type(program.handle, info_of(spec.kind).attach_type);
  const int error =
      bpf_program__set_attach_target(program.handle, 0, spec.target.c_str());
  if (error == 0) return {};
  if (error == -ESRCH || error == -ENOENT) return no_such_hook(spec);
  if (error == -EINVAL)
    return attach_error(Code::invalid,
                        fmt::format("program {} is loaded for another hook than {}",
                                    program.name(), spec.text()),
                        "prepare it before its object is loaded");
  return attach_errno(spec, -error, {Capability::bpf, Capability::perfmon});
}

/// The kernel attaches to hooks that it never calls: those of a module that is not in its
/// list. An error names that; nothing is known where securityfs is not mounted.
Result<void> check_modules(const ProbeSpec& spec) {
  const auto mount = find_mount("securityfs");
  if (!mount) return {};
  const Result<std::string> list = read_file(AT_FDCWD, *mount + "/lsm", 4096);
  if (!list) return {};
  const std::string padded = "," + list->substr(0, list->find('\n')) + ",";
  if (padded.find(",bpf,") != std::string::npos) return {};
  return attach_error(
      Code::not_supported,
      fmt::format("cannot attach to {}: this kernel does not ask BPF programs: its list "
                  "of security modules is '{}'",
                  spec.text(), padded.substr(1, padded.size() - 2)),
      "boot with lsm=" + padded.substr(1) + "bpf");
}

Holding attach_lsm(load::Program program, const ProbeSpec& spec, const Options& options) {
  if (const Result<void> asked = check_modules(spec); !asked) return asked.error();
  if (options.cookie) {
    LinkRequest request;
    request.type = BPF_LSM_MAC;
    request.tracing.cookie = *options.cookie;
    UniqueFd link = create_link(program, request);
    if (link) return Holding(std::make_unique<FdHolder>(std::move(link)));
    if (errno == EINVAL) return no_cookie(spec);
  } else {
    LinkHandle link(bpf_program__attach_lsm(program.handle));
    if (link) return Holding(std::make_unique<LibbpfHolder>(std::move(link)));
  }
  if (errno == ENOENT) return attached_once(spec);
  return attach_errno(spec, errno, {Capability::bpf, Capability::perfmon});
}

Holding attach_lsm_cgroup(load::Program program, const ProbeSpec& spec, const Options&) {
  if (const Result<void> asked = check_modules(spec); !asked) return asked.error();
  const UniqueFd group(::open(spec.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!group)
    return attach_error(
        Code::not_found,
        fmt::format("{}: cannot open {}: {}", spec.text(), spec.path, errno_text(errno)));
  LinkRequest request;
  request.target = static_cast<std::uint32_t>(group.get());
  request.type = BPF_LSM_CGROUP;
  UniqueFd link = create_link(program, request);
  if (link) return Holding(std::make_unique<FdHolder>(std::move(link)));
  if (errno == EBADF)
    return attach_error(Code::invalid,
                        fmt::format("{}: {} is not a control group of version 2",
                                    spec.text(), spec.path));
  return attach_errno(spec, errno, {Capability::bpf, Capability::net_admin});
}

}  // namespace

constinit const KindInfo lsm_kind = {
    .kind = Kind::lsm,
    .word = "lsm",
    .form = "lsm:HOOK, as in lsm:file_open",
    .sections = lsm_sections,
    .options = {.cookie = true},
    .type = BPF_PROG_TYPE_LSM,
    .attach_type = BPF_LSM_MAC,
    .parse = parse_lsm,
    .text = lsm_text,
    .section_text = nullptr,
    .prepare = prepare_lsm,
    .attach = attach_lsm,
};

constinit const KindInfo lsm_cgroup_kind = {
    .kind = Kind::lsm_cgroup,
    .word = "lsm_cgroup",
    .form = "lsm_cgroup:PATH:HOOK, as in lsm_cgroup:/sys/fs/cgroup/web:socket_create",
    .sections = lsm_cgroup_sections,
    .options = {},
    .type = BPF_PROG_TYPE_LSM,
    .attach_type = BPF_LSM_CGROUP,
    .parse = parse_lsm_cgroup,
    .text = lsm_cgroup_text,
    .section_text = names_no_group,
    .prepare = prepare_lsm,
    .attach = attach_lsm_cgroup,
};

}  // namespace ebl::attach
