// From a verifier log to what a user is told: the C line, one sentence, the value behind
// it, a remedy.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "load/line_info.h"

namespace ebl::load {

/// The C line of an instruction, counted as the kernel does. May be empty: then the log's
/// own lines serve.
using LineOf = std::function<std::optional<SourceLine>(std::size_t instruction)>;

struct VerifierExplanation {
  std::string sentence;          ///< empty when the log holds no reason
  std::string remedy;            ///< may be empty
  std::string notes;             ///< C lines, values, the kernel's words: lines, indented
  Location location;             ///< of the C line that was refused; may be empty
  bool is_known = false;         ///< a rule, or the kernel's own report, explains it
  bool kernel_lacks_it = false;  ///< what the program wants is newer than this kernel
};

VerifierExplanation explain_verifier_log(std::string_view log, const LineOf& lines);

}  // namespace ebl::load
