// freplace:PROGRAM:FUNCTION, a program in the place of a global function of another
// program that is loaded. PROGRAM is its id, or its name where only one has it.
#include <bpf/bpf.h>
#include <fmt/format.h>

#include <cerrno>

#include "attach/holders.h"
#include "attach/kind.h"
#include "load/kernel_objects.h"
#include "load/program.h"

namespace ebl::attach {
namespace {

constexpr std::string_view sections[] = {"freplace"};

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos)
    return malformed("a program and a function of it are wanted");
  spec.category = rest.substr(0, colon);
  spec.target = rest.substr(colon + 1);
  for (const std::string& name : {spec.category, spec.target})
    if (!is_name(name)) return malformed(fmt::format("'{}' is not a name", name));
  return spec;
}

std::string text(const ProbeSpec& spec) {
  return spec.category + ":" + spec.target;
}

/// SEC("freplace/FUNCTION") does not say of which program.
std::string no_hook(std::string_view) {
  return "";
}

Result<UniqueFd> open_target(const ProbeSpec& spec) {
  const Result<std::uint64_t> id = parse_number(spec.category);
  Result<UniqueFd> target =
      id ? load::open_with_id(load::program_kind, static_cast<std::uint32_t>(*id))
         : load::open_with_name(load::program_kind, spec.category);
  if (target) return target;
  Error error = target.take_error();
  if (error.code == Code::not_found)
    error.message = fmt::format("no program {} is loaded", spec.category);
  return attach_error(error.code, spec.text() + ": " + error.message, error.hint);
}

Error refused(const ProbeSpec& spec, int error) {
  if (error == ENOENT || error == ESRCH)
    return attach_error(
        Code::not_found,
        fmt::format("{}: the program has no global function {}", spec.text(),
                    spec.target),
        "the function must not be static, and __weak keeps the compiler from building "
        "on what it returns: int __weak f(…)");
  if (error == EBUSY)
    return attach_error(Code::invalid,
                        fmt::format("{} is replaced already", spec.text()));
  return attach_errno(spec, error, {Capability::bpf, Capability::perfmon});
}

Result<UniqueFd> prepare_freplace(load::Program program, const ProbeSpec& spec) {
  Result<UniqueFd> target = open_target(spec);
  if (!target) return target;
  const int error =
      bpf_program__set_attach_target(program.handle, target->get(), spec.target.c_str());
  if (error != 0) return refused(spec, -error);
  return target;
}

Holding attach_freplace(load::Program program, const ProbeSpec& spec, const Options&) {
  const Result<UniqueFd> target = open_target(spec);
  if (!target) return target.error();
  LinkHandle link(
      bpf_program__attach_freplace(program.handle, target->get(), spec.target.c_str()));
  if (!link) return refused(spec, errno);
  return Holding(std::make_unique<LibbpfHolder>(std::move(link)));
}

}  // namespace

constinit const KindInfo freplace_kind = {
    .kind = Kind::freplace,
    .word = "freplace",
    .form =
        "freplace:PROGRAM:FUNCTION, where PROGRAM is an id or a name, or "
        "freplace:FUNCTION with the option target",
    .sections = sections,
    .options = {},
    .type = BPF_PROG_TYPE_EXT,
    .attach_type = {},
    .parse = parse,
    .text = text,
    .section_text = no_hook,
    .prepare = nullptr,
    .attach = attach_freplace,
    .prepare_with_target = prepare_freplace,
};

}  // namespace ebl::attach
