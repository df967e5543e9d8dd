#include "load/missing_kind.h"

#include "load/log_capture.h"

namespace ebl::load {

std::string missing_kind(const bpf_object* object, const std::string& program,
                         const std::string& map) {
  LogCapture silent;  // what libbpf says of its attempts is not of the user's load
  if (const bpf_program* known =
          bpf_object__find_program_by_name(object, program.c_str())) {
    const bpf_prog_type type = bpf_program__type(known);
    // A type that is not chosen yet is not one that the kernel lacks.
    if (type != BPF_PROG_TYPE_UNSPEC && libbpf_probe_bpf_prog_type(type, nullptr) == 0)
      return std::string("programs of type ") + libbpf_bpf_prog_type_str(type);
  } else if (const bpf_map* declared =
                 bpf_object__find_map_by_name(object, map.c_str())) {
    const bpf_map_type type = bpf_map__type(declared);
    if (libbpf_probe_bpf_map_type(type, nullptr) == 0)
      return std::string("maps of type ") + libbpf_bpf_map_type_str(type);
  }
  return {};
}

}  // namespace ebl::load
