// kprobe.session:FUNCTION, one program at the entry and the return of functions (6.10).
// What it returns at the entry decides whether it runs at the return.
#include <fmt/format.h>

#include "attach/holders.h"
#include "attach/kprobe_multi.h"

namespace ebl::attach {
namespace {

constexpr std::string_view sections[] = {"kprobe.session"};

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  Result<ProbeSpec> parsed = parse_functions(rest, std::move(spec));
  if (parsed && parsed->offset != 0)
    return malformed("a session is at the entry and return of a function");
  return parsed;
}

Result<void> prepare_session(load::Program program, const ProbeSpec& spec) {
  bpf_program__set_expected_attach_type(program.handle, type_kprobe_session);
  if (has_kprobe_multi(type_kprobe_session)) return {};
  return attach_error(
      Code::not_supported,
      fmt::format("cannot attach to {}: this kernel has no kprobe.session (Linux 6.10)",
                  short_text(spec)),
      "use kprobe and kretprobe");
}

Holding attach_session(load::Program program, const ProbeSpec& spec,
                       const Options& options) {
  const Result<std::vector<KernelFunction>> functions = find_functions(spec);
  if (!functions) return functions.error();
  return attach_multi(program, type_kprobe_session, false, *functions, spec, options);
}

}  // namespace

constinit const KindInfo kprobe_session_kind = {
    .kind = Kind::kprobe_session,
    .word = "kprobe.session",
    .form = "kprobe.session:FUNCTION, as in kprobe.session:vfs_read",
    .sections = sections,
    .options = {.cookie = true, .cookies = true},
    .type = BPF_PROG_TYPE_KPROBE,
    .attach_type = type_kprobe_session,
    .parse = parse,
    .text = functions_text,
    .section_text = nullptr,
    .prepare = prepare_session,
    .attach = attach_session,
};

}  // namespace ebl::attach
