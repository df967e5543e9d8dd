// raw_tracepoint:EVENT, the same events before they are formatted: the context holds the
// arguments of the trace_EVENT() call.
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "attach/holders.h"
#include "attach/kernel_function.h"
#include "attach/kind.h"

namespace ebl::attach {
namespace {

// ".w": the program may write to the event's buffer (raw_tracepoint_writable).
constexpr std::string_view sections[] = {"raw_tracepoint", "raw_tp", "raw_tracepoint.w",
                                         "raw_tp.w"};

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  if (!is_name(rest)) return malformed(fmt::format("'{}' is not an event", rest));
  spec.target = rest;
  return spec;
}

std::string text(const ProbeSpec& spec) {
  return spec.target;
}

/// BPF_RAW_TRACEPOINT_OPEN with the member that 6.10 added; libbpf 1.1.2 does not know
/// it.
UniqueFd open_with_cookie(load::Program program, const ProbeSpec& spec,
                          std::uint64_t cookie) {
  struct {
    std::uint64_t name;
    std::uint32_t program, padding;
    std::uint64_t cookie;
  } attr = {reinterpret_cast<std::uintptr_t>(spec.target.c_str()),
            static_cast<std::uint32_t>(bpf_program__fd(program.handle)), 0, cookie};
  return UniqueFd(
      static_cast<int>(::syscall(SYS_bpf, BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof attr)));
}

Holding attach_raw_tracepoint(load::Program program, const ProbeSpec& spec,
                              const Options& options) {
  int error = 0;
  if (options.cookie) {
    UniqueFd link = open_with_cookie(program, spec, *options.cookie);
    if (link) return Holding(std::make_unique<FdHolder>(std::move(link)));
    error = errno;
    if (error == EINVAL || error == E2BIG) return no_cookie(spec);
  } else {
    LinkHandle link(
        bpf_program__attach_raw_tracepoint(program.handle, spec.target.c_str()));
    if (link) return Holding(std::make_unique<LibbpfHolder>(std::move(link)));
    error = errno;
  }
  if (error == ENOENT) return no_such_event(spec);
  const bool writes =
      bpf_program__type(program.handle) == BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE;
  if (error == EINVAL && writes)
    return attach_error(
        Code::invalid,
        fmt::format("{} lets no program write as much as {} does: {}", spec.text(),
                    program.name(), errno_text(error)),
        "the kernel's writable events are few: nbd_send_request of the module nbd");
  return attach_errno(spec, error, {Capability::bpf, Capability::perfmon});
}

}  // namespace

constinit const KindInfo raw_tracepoint_kind = {
    .kind = Kind::raw_tracepoint,
    .word = "raw_tracepoint",
    .form = "raw_tracepoint:EVENT, as in raw_tracepoint:sched_switch",
    .sections = sections,
    .options = {.cookie = true},
    .type = BPF_PROG_TYPE_RAW_TRACEPOINT,
    .attach_type = {},
    .parse = parse,
    .text = text,
    .section_text = nullptr,
    .prepare = nullptr,
    .attach = attach_raw_tracepoint,
    .other_type = BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
};

}  // namespace ebl::attach
