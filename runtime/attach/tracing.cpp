// tp_btf:EVENT, fentry:FUNCTION, fexit:FUNCTION, fmod_ret:FUNCTION: programs of the
// tracing type, bound to their target by its id in the kernel's BTF when they are loaded.
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "attach/function_set.h"
#include "attach/holders.h"
#include "attach/kernel_function.h"
#include "attach/kind.h"
#include "btf/btf.h"

namespace ebl::attach {
namespace {

constexpr std::string_view tp_btf_sections[] = {"tp_btf"};
constexpr std::string_view fentry_sections[] = {"fentry", "fentry.s"};
constexpr std::string_view fexit_sections[] = {"fexit", "fexit.s"};
constexpr std::string_view fmod_ret_sections[] = {"fmod_ret", "fmod_ret.s"};

constexpr int kernel_not_supported = 524;  // ENOTSUPP, which user space does not name

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  if (!is_name(rest)) return malformed(fmt::format("'{}' is not a name", rest));
  spec.target = rest;
  return spec;
}

/// [MODULE:]FUNCTION
Result<ProbeSpec> parse_function(std::string_view rest, ProbeSpec spec) {
  if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
    spec.category = rest.substr(0, colon);
    if (!is_name(spec.category, "-"))
      return malformed(fmt::format("'{}' is not the name of a module", spec.category));
    rest.remove_prefix(colon + 1);
  }
  return parse(rest, std::move(spec));
}

std::string text(const ProbeSpec& spec) {
  return spec.category.empty() ? spec.target : spec.category + ":" + spec.target;
}

/// A function of a module, as libbpf 1.1.2 finds it: by its name in the kernel's BTF,
/// then in each module's.
Result<void> check_module(const ProbeSpec& spec) {
  if (spec.category.empty()) return {};
  const Result<std::vector<KernelFunction>> functions = find_functions(spec);
  if (!functions) return functions.error();
  const std::vector<std::string> own = btf_functions();
  if (std::ranges::find(own, spec.target) == own.end()) return {};
  return attach_error(
      Code::not_supported,
      fmt::format("{}: the kernel itself has a function {} as well, and that is the one "
                  "that would be found",
                  spec.text(), spec.target),
      "use kprobe:" + text(spec));
}

Error missing_function(const ProbeSpec& spec) {
  const std::vector<std::string> functions = btf_functions();
  if (functions.empty())
    return attach_error(Code::not_supported,
                        fmt::format("{}: this kernel has no BTF", spec.text()),
                        "use a tracepoint or a kprobe");
  return no_such_function(spec, functions);
}

Result<void> prepare_tracing(load::Program program, const ProbeSpec& spec) {
  if (Result<void> checked = check_module(spec); !checked) return checked;
  // libbpf 1.1.2 keeps the kernel's BTF (6 MB) from here until the object is loaded, and
  // for good when it never is. Looking into it ourselves first would take 13 ms of every
  // start.
  bpf_program__set_expected_attach_type(program.handle, info_of(spec.kind).attach_type);
  const int error =
      bpf_program__set_attach_target(program.handle, 0, spec.target.c_str());
  if (error == 0) return {};
  if (error == -ESRCH || error == -ENOENT)
    return spec.kind == Kind::tp_btf ? no_such_event(spec) : missing_function(spec);
  if (error == -EINVAL)
    return attach_error(Code::invalid,
                        fmt::format("program {} is loaded for another target than {}",
                                    program.name(), spec.text()),
                        "prepare it before its object is loaded");
  return attach_errno(spec, -error, {Capability::bpf, Capability::perfmon});
}

/// libbpf 1.1.2 passes no cookie on for tp_btf, which has taken one since 6.10.
UniqueFd create_with_cookie(load::Program program, bpf_attach_type type,
                            std::uint64_t cookie) {
  bpf_attr attr = {};
  attr.link_create.prog_fd = static_cast<std::uint32_t>(bpf_program__fd(program.handle));
  attr.link_create.attach_type = type;
  attr.link_create.tracing.cookie = cookie;
  return UniqueFd(
      static_cast<int>(::syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof attr)));
}

Holding attach_tracing(load::Program program, const ProbeSpec& spec,
                       const Options& options) {
  int error = 0;
  if (options.cookie) {
    UniqueFd link =
        create_with_cookie(program, info_of(spec.kind).attach_type, *options.cookie);
    if (link) return Holding(std::make_unique<FdHolder>(std::move(link)));
    error = errno;
    if (error == EINVAL) return no_cookie(spec);
  } else {
    LinkHandle link(bpf_program__attach_trace(program.handle));
    if (link) return Holding(std::make_unique<LibbpfHolder>(std::move(link)));
    error = errno;
  }
  const bool trampoline = spec.kind != Kind::tp_btf;
  if (trampoline && (error == EBUSY || error == EINVAL || error == kernel_not_supported))
    return attach_error(
        Code::not_supported,
        fmt::format("cannot attach to {}: {}: this kernel cannot patch the "
                    "function's entry",
                    spec.text(), errno_text(error)),
        "use kprobe, or a tracepoint near it");
  if (trampoline && error == ENOENT) return attached_once(spec);
  if (error == E2BIG)
    return attach_error(
        Code::not_supported,
        fmt::format("{} has 38 programs, the most it can hold", spec.text()));
  return attach_errno(spec, error, {Capability::bpf, Capability::perfmon});
}

constexpr KindInfo tracing_kind(Kind kind, std::string_view word, std::string_view form,
                                std::span<const std::string_view> sections,
                                bpf_attach_type attach_type,
                                decltype(KindInfo::parse) read = parse_function) {
  return {
      .kind = kind,
      .word = word,
      .form = form,
      .sections = sections,
      .options = {.cookie = true},
      .type = BPF_PROG_TYPE_TRACING,
      .attach_type = attach_type,
      .parse = read,
      .text = text,
      .section_text = nullptr,
      .prepare = prepare_tracing,
      .attach = attach_tracing,
  };
}

}  // namespace

constinit const KindInfo tp_btf_kind =
    tracing_kind(Kind::tp_btf, "tp_btf", "tp_btf:EVENT, as in tp_btf:sched_switch",
                 tp_btf_sections, BPF_TRACE_RAW_TP, parse);
constinit const KindInfo fentry_kind =
    tracing_kind(Kind::fentry, "fentry", "fentry:FUNCTION, as in fentry:vfs_read",
                 fentry_sections, BPF_TRACE_FENTRY);
constinit const KindInfo fexit_kind =
    tracing_kind(Kind::fexit, "fexit", "fexit:FUNCTION, as in fexit:vfs_read",
                 fexit_sections, BPF_TRACE_FEXIT);
constinit const KindInfo fmod_ret_kind = tracing_kind(
    Kind::fmod_ret, "fmod_ret", "fmod_ret:FUNCTION, as in fmod_ret:security_file_open",
    fmod_ret_sections, BPF_MODIFY_RETURN);

}  // namespace ebl::attach
