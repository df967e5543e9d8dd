// uprobe.session:BINARY:FUNCTION, one program at the entry and the return of functions
// (6.13). What it returns at the entry decides whether it runs at the return.
#include <fmt/format.h>

#include "attach/holders.h"
#include "attach/uprobe_multi.h"

namespace ebl::attach {
namespace {

constexpr std::string_view sections[] = {"uprobe.session", "uprobe.session.s"};

Result<void> prepare_session(load::Program program, const ProbeSpec& spec) {
  bpf_program__set_expected_attach_type(program.handle, type_uprobe_session);
  if (has_uprobe_multi(type_uprobe_session)) return {};
  return attach_error(
      Code::not_supported,
      fmt::format("cannot attach to {}: this kernel has no uprobe.session (Linux 6.13)",
                  spec.text()),
      "use uprobe and uretprobe");
}

Holding attach_session(load::Program program, const ProbeSpec& spec,
                       const Options& options) {
  const Result<UserPlaces> places = find_user_places(spec, options);
  if (!places) return places.error();
  return attach_uprobe_multi(program, type_uprobe_session, false, *places, spec, options);
}

}  // namespace

constinit const KindInfo uprobe_session_kind = {
    .kind = Kind::uprobe_session,
    .word = "uprobe.session",
    .form = "uprobe.session:BINARY:FUNCTION, as in uprobe.session:libc:malloc",
    .sections = sections,
    .options = {.pid = true, .cookie = true, .cookies = true},
    .type = BPF_PROG_TYPE_KPROBE,
    .attach_type = type_uprobe_session,
    .parse = parse_user_function,
    .text = user_place_text,
    .section_text = nullptr,
    .prepare = prepare_session,
    .attach = attach_session,
};

}  // namespace ebl::attach
