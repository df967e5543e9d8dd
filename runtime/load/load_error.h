// From what libbpf and the verifier said to an Error that a user can act on.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ebl::load {

/// What is known about a failed load.
struct LoadFailure {
  std::string object;              ///< the object's name
  std::string libbpf_log;          ///< all that libbpf printed
  std::string verifier_log;        ///< the failing program's log; empty when it got none
  int error_number = 0;            ///< positive errno
  std::span<const std::byte> elf;  ///< the object file, whose line information is used
};

/// Code::verifier for a refused program, Code::not_permitted for a missing privilege,
/// Code::not_supported where this kernel lacks the program or map kind, else
/// Code::invalid.
Error load_error(const LoadFailure& failure);

/// The part of a verifier log that matters: the reason, the C line and where it stands.
struct VerifierReason {
  std::string reason;  ///< the verifier's own last sentence
  std::string source;  ///< the C line that it was looking at; empty when the log has none
  Location location;   ///< of that line, where the log (6.9+) tells it
  std::optional<std::size_t> instruction;  ///< that it was looking at, as it numbers them
};

VerifierReason verifier_reason(std::string_view log);

/// The next action for a reason, or the empty string.
std::string verifier_hint(std::string_view reason);

}  // namespace ebl::load
