#include "load/missing_kind.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <cerrno>

#include "load/log_capture.h"

namespace ebl::load {
namespace {

/// libbpf 1.1.2 cannot tell for kinds that came after it. Those need no more than their
/// attach type: "r0 = 1; exit" is tried with that.
bool kernel_has(const bpf_program* program) {
  const bpf_prog_type type = bpf_program__type(program);
  if (const int known = libbpf_probe_bpf_prog_type(type, nullptr); known >= 0)
    return known > 0;
  if (libbpf_bpf_prog_type_str(type)) return true;  // needs more than can be tried here
  const bpf_insn smallest[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 1},
      {.code = BPF_JMP | BPF_EXIT}};
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = bpf_program__expected_attach_type(program);
  const int fd = bpf_prog_load(type, "trial", "GPL", smallest, 2, &options);
  if (fd >= 0) ::close(fd);
  return fd >= 0 || errno != EINVAL;
}

}  // namespace

std::string missing_kind(const bpf_object* object, const std::string& program,
                         const std::string& map) {
  LogCapture silent;  // what libbpf says of its attempts is not of the user's load
  if (const bpf_program* known =
          bpf_object__find_program_by_name(object, program.c_str())) {
    if (kernel_has(known)) return {};
    const char* type = libbpf_bpf_prog_type_str(bpf_program__type(known));
    return std::string("programs of type ") +
           (type ? type : bpf_program__section_name(known));
  }
  if (const bpf_map* declared = bpf_object__find_map_by_name(object, map.c_str())) {
    const bpf_map_type type = bpf_map__type(declared);
    const char* name = libbpf_bpf_map_type_str(type);
    if (name && libbpf_probe_bpf_map_type(type, nullptr) == 0)
      return std::string("maps of type ") + name;
  }
  return {};
}

}  // namespace ebl::load
