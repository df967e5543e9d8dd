// ksyscall:CALL and kretsyscall:CALL, probes of a system call's entry function, whose
// name differs between machines and kernels.
#include <fmt/format.h>

#include "attach/function_set.h"
#include "attach/kernel_function.h"
#include "attach/kprobe.h"

namespace ebl::attach {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view entry_sections[] = {"ksyscall"};
constexpr std::string_view return_sections[] = {"kretsyscall"};

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  for (std::size_t from = 0; from <= rest.size();) {
    const std::size_t comma = std::min(rest.find(',', from), rest.size());
    const std::string_view call = rest.substr(from, comma - from);
    if (!is_name(call, "*?"))
      return malformed(fmt::format("'{}' is not the name of a system call", call));
    from = comma + 1;
  }
  spec.target = rest;
  return spec;
}

std::string text(const ProbeSpec& spec) {
  return spec.target;
}

/// The functions of the calls.
Result<std::string> functions_of(const ProbeSpec& spec) {
  std::string functions;
  const std::string_view calls = spec.target;
  for (std::size_t from = 0; from <= calls.size();) {
    const std::size_t comma = std::min(calls.find(',', from), calls.size());
    const Result<std::string> function =
        syscall_function(spec, calls.substr(from, comma - from));
    if (!function) return function.error();
    functions += (from == 0 ? "" : ",") + *function;
    from = comma + 1;
  }
  return functions;
}

Holding attach_syscall(load::Program program, const ProbeSpec& spec,
                       const Options& options) {
  Result<std::string> functions = functions_of(spec);
  if (!functions) return functions.take_error();
  const ProbeSpec place{
      .kind = spec.kind == Kind::kretsyscall ? Kind::kretprobe : Kind::kprobe,
      .target = std::move(*functions)};
  return attach_kprobe_at(program, place, spec, options);
}

constexpr KindInfo syscall_kind(Kind kind, std::string_view word, std::string_view form,
                                std::span<const std::string_view> sections) {
  return {
      .kind = kind,
      .word = word,
      .form = form,
      .sections = sections,
      .options = {.cookie = true, .maxactive = kind == Kind::kretsyscall},
      .type = BPF_PROG_TYPE_KPROBE,
      .attach_type = {},
      .parse = parse,
      .text = text,
      .section_text = nullptr,
      .prepare = prepare_kprobe,
      .attach = attach_syscall,
      .kept = kind == Kind::kretsyscall ? [] { return "kretsyscall with maxactive"sv; }
                                        : [] { return ""sv; },
  };
}

}  // namespace

constinit const KindInfo ksyscall_kind = syscall_kind(
    Kind::ksyscall, "ksyscall", "ksyscall:CALL, as in ksyscall:execve", entry_sections);
constinit const KindInfo kretsyscall_kind =
    syscall_kind(Kind::kretsyscall, "kretsyscall",
                 "kretsyscall:CALL, as in kretsyscall:execve", return_sections);

}  // namespace ebl::attach
