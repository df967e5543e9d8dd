// Features: what this kernel lets this process do with BPF, found out by trying. Each
// answer stands on a system call that was made just now; nothing is told from the
// kernel's version. Nothing stays loaded.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace ebl::load {

struct Feature {
  std::string name;  ///< "xdp", "tracing (fentry)", "ringbuf"
  bool available = false;
  std::string reason;  ///< why not: errno and the verifier's last words; or empty
};

/// One for each type of program, and for each kind of hook of type tracing and lsm. A few
/// milliseconds and, for those that need a target, one reading of the kernel's BTF.
std::vector<Feature> probe_program_types();

/// One for each type of map.
std::vector<Feature> probe_map_types();

struct HelperSet {
  std::string program_type;          ///< as in probe_program_types()
  std::vector<std::string> helpers;  ///< "bpf_map_lookup_elem", by their numbers
};

/// The helper functions that the verifier lets programs of each type call; types that the
/// kernel does not load are left out. A load for each pair: about a second. Fails where
/// the kernel has no BTF, which names them.
Result<std::vector<HelperSet>> probe_helpers();

}  // namespace ebl::load
