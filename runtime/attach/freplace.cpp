// freplace:PROGRAM:FUNCTION, a program in the place of a global function of another
// program that is loaded. PROGRAM is its id, or its name where only one has it.
#include <bpf/bpf.h>
#include <fmt/format.h>

#include <cerrno>

#include "attach/holders.h"
#include "attach/kind.h"
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

UniqueFd open_program(std::uint32_t id) {
  return UniqueFd(::bpf_prog_get_fd_by_id(id));
}

std::vector<std::uint32_t> ids_of(const std::string& name) {
  std::vector<std::uint32_t> ids;
  for (std::uint32_t id = 0; ::bpf_prog_get_next_id(id, &id) == 0;) {
    const UniqueFd program = open_program(id);
    bpf_prog_info info = {};
    std::uint32_t size = sizeof info;
    if (program && ::bpf_obj_get_info_by_fd(program.get(), &info, &size) == 0 &&
        name.substr(0, BPF_OBJ_NAME_LEN - 1) == info.name)
      ids.push_back(id);
  }
  return ids;
}

Result<UniqueFd> open_target(const ProbeSpec& spec) {
  std::vector<std::uint32_t> ids;
  if (const Result<std::uint64_t> id = parse_number(spec.category))
    ids.push_back(static_cast<std::uint32_t>(*id));
  else
    ids = ids_of(spec.category);
  if (ids.size() > 1)
    return attach_error(Code::invalid,
                        fmt::format("{}: {} programs are called {}", spec.text(),
                                    ids.size(), spec.category),
                        fmt::format("name one by its id: {}", fmt::join(ids, ", ")));
  if (!ids.empty()) {
    if (UniqueFd target = open_program(ids.front())) return target;
    if (errno != ENOENT) return attach_errno(spec, errno, {Capability::sys_admin});
  }
  return attach_error(Code::not_found, fmt::format("{}: no program {} is loaded",
                                                   spec.text(), spec.category));
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
