#include "load/missing_kind.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstdint>

#include "base/unique_fd.h"
#include "load/log_capture.h"

namespace ebl::load {
namespace {

/// Kinds that load only with a function or type of the kernel to attach to.
bool needs_target(bpf_prog_type type) {
  return type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM ||
         type == BPF_PROG_TYPE_EXT || type == BPF_PROG_TYPE_STRUCT_OPS;
}

/// Whether "r0 = 1; exit" of the same type, for the same kind of hook, is no EINVAL.
/// `target`: the kernel's BTF number of what it is attached to, or 0.
bool smallest_loads(const bpf_program* program, std::uint32_t target) {
  const bpf_insn smallest[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 1},
      {.code = BPF_JMP | BPF_EXIT}};
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = bpf_program__expected_attach_type(program);
  options.attach_btf_id = target;
  const UniqueFd fd(
      bpf_prog_load(bpf_program__type(program), "trial", "GPL", smallest, 2, &options));
  return fd || errno != EINVAL;
}

std::string missing_kind_of(const bpf_program* program) {
  const bpf_prog_type type = bpf_program__type(program);
  // A type that is not chosen yet is not one that the kernel lacks.
  if (type == BPF_PROG_TYPE_UNSPEC) return {};
  const char* name = libbpf_bpf_prog_type_str(type);
  if (name && libbpf_probe_bpf_prog_type(type, nullptr) == 0)
    return std::string("programs of type ") + name;
  std::uint32_t target = 0;
  if (bpf_program__expected_attach_type(program) == BPF_LSM_CGROUP) {
    // The hook that every kernel with this kind of program has.
    const int found = libbpf_find_vmlinux_btf_id("socket_bind", BPF_LSM_CGROUP);
    if (found > 0) target = static_cast<std::uint32_t>(found);
  }
  if ((needs_target(type) && !target) || smallest_loads(program, target)) return {};
  return std::string("programs for SEC(\"") + bpf_program__section_name(program) + "\")";
}

}  // namespace

std::string missing_kind(const bpf_object* object, const std::string& program,
                         const std::string& map) {
  LogCapture silent;  // what libbpf says of its attempts is not of the user's load
  if (const bpf_program* known =
          bpf_object__find_program_by_name(object, program.c_str()))
    return missing_kind_of(known);
  if (const bpf_map* declared = bpf_object__find_map_by_name(object, map.c_str())) {
    const bpf_map_type type = bpf_map__type(declared);
    const char* name = libbpf_bpf_map_type_str(type);
    if (name && libbpf_probe_bpf_map_type(type, nullptr) == 0)
      return std::string("maps of type ") + name;
  }
  return {};
}

}  // namespace ebl::load
