// LineTable: which C line an instruction of a BPF object comes from.
//
// Read from the object's own .BTF.ext section, since verifier logs tell the file and line
// only from Linux 6.9 on, and never the column. Instructions are counted as the kernel
// counts them: libbpf puts the functions that a program calls behind it, each at its
// first call, and the verifier numbers the whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ebl::load {

/// A line of the C text as the compiler recorded it.
struct SourceLine {
  Location location;  ///< file as #line or the compiler named it, line and column
  std::string text;   ///< the line itself; empty where the compiler could not read it
};

/// A value without references to the object that it was read from. Never fails: an object
/// without line information, or with sections that make no sense, has no lines.
class LineTable {
 public:
  static LineTable read(std::span<const std::byte> elf);

  /// The line of instruction `instruction` of the loaded program, functions that it calls
  /// included.
  std::optional<SourceLine> find(std::string_view program, std::size_t instruction) const;

 private:
  friend class LineTableReader;

  struct Line {
    std::size_t instruction = 0;  ///< within the section
    SourceLine source;
  };
  /// A stretch of a section's instructions that lies in the loaded program as it is.
  struct Part {
    std::uint32_t section = 0;
    std::size_t first = 0;
    std::size_t count = 0;
  };

  std::map<std::uint32_t, std::vector<Line>> lines_;  ///< by section, in order
  std::map<std::string, std::vector<Part>, std::less<>> programs_;
};

}  // namespace ebl::load
