// From what libbpf and the verifier said to an Error that a user can act on.
#pragma once

#include <bpf/libbpf.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "load/object.h"

namespace ebl::load {

/// What is known about a failed load.
struct LoadFailure {
  std::string object;              ///< the object's name
  std::string libbpf_log;          ///< all that libbpf printed
  std::string verifier_log;        ///< the failing program's log; empty when it got none
  int error_number = 0;            ///< positive errno
  std::span<const std::byte> elf;  ///< the object file, whose line information is used
  const bpf_object* opened = nullptr;  ///< to ask the kernel for what is in it; or null
  std::string btf_path;                ///< the kernel's types; empty: its own
  std::vector<Map> maps;               ///< of the object
  std::size_t instructions = 0;        ///< of the program that failed
};

/// Code::verifier for a refused program, Code::not_permitted for a missing privilege,
/// Code::not_supported where this kernel lacks the program or map kind, else
/// Code::invalid.
Error load_error(const LoadFailure& failure);

}  // namespace ebl::load
