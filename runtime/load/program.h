// Program: a borrowed view of one program of an object file, before or after it is
// loaded.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <string>

#include "base/result.h"

namespace ebl::load {

/// Borrowed: valid while the Object that gave it lives. `handle` is never null; `fd` is
/// -1 until the program is loaded.
struct Program {
  bpf_program* handle = nullptr;
  int fd = -1;

  std::string name() const { return bpf_program__name(handle); }
  std::string section() const { return bpf_program__section_name(handle); }
};

/// The kernel's number of a loaded program.
Result<std::uint32_t> program_id(const Program& program);

}  // namespace ebl::load
