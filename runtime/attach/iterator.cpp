// iter:TARGET (5.8): a program that the kernel runs once for each task, open file, socket
// or element of a map, when somebody reads. The link says what is walked; read_iterator()
// walks it.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/bpf.h>

#include <cerrno>
#include <limits>

#include "attach/holders.h"
#include "attach/kernel_function.h"
#include "attach/kind.h"
#include "attach/link_create.h"
#include "base/file.h"
#include "base/nearest.h"

namespace ebl::attach {
namespace {

constexpr std::string_view sections[] = {"iter", "iter.s"};

// Each target is a function of this name in the kernel's BTF, with the arguments that its
// programs get.
constexpr std::string_view prefix = "bpf_iter_";

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  const std::size_t colon = rest.find(':');
  spec.target = rest.substr(0, colon);
  if (!is_name(spec.target))
    return malformed(fmt::format("'{}' is not something to walk", spec.target));
  if (colon == std::string_view::npos) return spec;
  if (spec.target != "cgroup") return malformed("only iter:cgroup takes a path");
  spec.path = rest.substr(colon + 1);
  if (!spec.path.starts_with('/'))
    return malformed(fmt::format("'{}' is not the path of a control group", spec.path));
  return spec;
}

std::string text(const ProbeSpec& spec) {
  return spec.path.empty() ? spec.target : fmt::format("{}:{}", spec.target, spec.path);
}

Error no_such_target(const ProbeSpec& spec) {
  std::vector<std::string> targets;
  for (const std::string& function : btf_functions())
    if (function.starts_with(prefix)) targets.push_back(function.substr(prefix.size()));
  return attach_error(
      targets.empty() ? Code::not_supported : Code::not_found,
      fmt::format("{}: this kernel has no iterator over '{}'", spec.text(), spec.target),
      did_you_mean(spec.target, targets));
}

Result<void> prepare_iterator(load::Program program, const ProbeSpec& spec) {
  bpf_program__set_expected_attach_type(program.handle, BPF_TRACE_ITER);
  const int error =
      bpf_program__set_attach_target(program.handle, 0, spec.target.c_str());
  if (error == 0) return {};
  // The kernel of 5.10 says EINVAL for a function that is there but no iterator.
  if (error == -ESRCH || error == -ENOENT) return no_such_target(spec);
  if (error == -EINVAL)
    return attach_error(Code::invalid,
                        fmt::format("program {} is loaded for another target than {}",
                                    program.name(), spec.text()),
                        "prepare it before its object is loaded");
  return attach_errno(spec, -error, {Capability::bpf, Capability::perfmon});
}

bool walks_a_map(std::string_view target) {
  return target.starts_with("bpf_map_elem") || target.ends_with("_storage_map") ||
         target == "sockmap";
}

Holding attach_iterator(load::Program program, const ProbeSpec& spec,
                        const Options& options) {
  bpf_iter_link_info selection = {};
  LinkRequest request;
  request.type = BPF_TRACE_ITER;
  UniqueFd group;
  if (walks_a_map(spec.target)) {
    if (!options.map)
      return attach_error(Code::invalid, fmt::format("{} walks a map", spec.text()),
                          "say which: the option map");
    selection.map.map_fd = static_cast<std::uint32_t>(*options.map);
  } else if (options.map) {
    return attach_error(Code::invalid, fmt::format("{} walks no map", spec.text()));
  } else if (spec.target == "cgroup") {
    selection.cgroup.order = BPF_CGROUP_ITER_DESCENDANTS_PRE;
    if (!spec.path.empty()) {
      group = UniqueFd(::open(spec.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (!group)
        return attach_error(Code::not_found,
                            fmt::format("{}: cannot open {}: {}", spec.text(), spec.path,
                                        errno_text(errno)));
      selection.cgroup.cgroup_fd = static_cast<std::uint32_t>(group.get());
    }
  }
  if (options.pid) {
    if (!spec.target.starts_with("task"))
      return attach_error(Code::invalid,
                          fmt::format("{} does not walk processes", spec.text()),
                          "pid is for iter:task, iter:task_file and iter:task_vma");
    selection.task.pid = static_cast<std::uint32_t>(*options.pid);
  }
  if (options.map || options.pid || spec.target == "cgroup") {
    request.iterator.info = reinterpret_cast<std::uintptr_t>(&selection);
    request.iterator.length = options.map ? sizeof selection.map : sizeof selection;
  }
  UniqueFd link = create_link(program, request);
  if (link) return Holding(std::make_unique<FdHolder>(std::move(link)));
  const int error = errno;
  if (options.pid && error == ESRCH)
    return attach_error(Code::not_found,
                        fmt::format("{}: no process {}", spec.text(), *options.pid));
  if (options.pid && (error == E2BIG || error == EINVAL))
    return attach_error(Code::not_supported,
                        fmt::format("this kernel cannot walk one process alone with {}: "
                                    "{}",
                                    spec.text(), errno_text(error)),
                        "leave out the option pid, and compare in the program");
  if (options.map && error == EINVAL)
    return attach_error(Code::invalid,
                        fmt::format("{} cannot walk a map of that type, or the program "
                                    "expects other keys and values",
                                    spec.text()));
  return attach_errno(spec, error, {Capability::bpf, Capability::perfmon});
}

}  // namespace

Result<std::string> read_iterator(const Link& link) {
  if (link.spec().kind != Kind::iter)
    return attach_error(Code::invalid, fmt::format("{} is not read", link.spec().text()),
                        "read() is for the links of iter:… probes");
  const UniqueFd walk(bpf_iter_create(link.fd()));
  if (!walk) return attach_errno(link.spec(), errno, {Capability::bpf});
  return read_open_file(walk.get(), link.spec().text(),
                        std::numeric_limits<std::size_t>::max() / 2);
}

constinit const KindInfo iter_kind = {
    .kind = Kind::iter,
    .word = "iter",
    .form = "iter:TARGET, as in iter:task",
    .sections = sections,
    .options = {.pid = true, .map = true},
    .type = BPF_PROG_TYPE_TRACING,
    .attach_type = BPF_TRACE_ITER,
    .parse = parse,
    .text = text,
    .section_text = nullptr,
    .prepare = prepare_iterator,
    .attach = attach_iterator,
};

}  // namespace ebl::attach
