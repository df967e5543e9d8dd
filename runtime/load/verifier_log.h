// VerifierLog: what the kernel's verifier wrote about a program it refused, taken apart.
//
// Formats differ by kernel: 5.10 prints register states on lines of their own ("inv"),
// 6.x behind each instruction ("scalar"), 6.9 adds "@ file:line" to the C lines, 7.3 ends
// with a report ("Reason:", "Suggestion:"). All are read by one pass over the lines.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ebl::load {

/// An instruction that the verifier went through.
struct VerifierStep {
  std::size_t instruction = 0;
  std::string_view text;    ///< "r1 = *(u64 *)(r0 +0)", without the opcode
  std::string_view before;  ///< the state printed ahead of it; often empty
  std::string_view after;   ///< the state printed behind it; often empty
  std::string_view source;  ///< the C line; empty where the log has none
  Location location;        ///< of that line, where the log tells it
  int frame = 0;            ///< 0: the program itself, 1: a function that it called
  std::optional<std::size_t> previous;  ///< index of the step before it on this path
};

/// The texts point into the log that was read, which must outlive this.
struct VerifierLog {
  std::vector<VerifierStep> steps;  ///< the last ones of a long log
  std::string reason;               ///< the verifier's own words, lines joined by '\n'
  std::string kernel_reason;        ///< of a 7.3 report: "Reason:", one line
  std::string kernel_suggestion;    ///< of a 7.3 report: "Suggestion:", one line
  std::string stack_depth;          ///< "320+304", where it was printed
  std::size_t line_count = 0;       ///< of the whole log, empty lines left out
};

VerifierLog read_verifier_log(std::string_view log);

}  // namespace ebl::load
