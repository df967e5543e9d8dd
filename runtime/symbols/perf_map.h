// PerfMap: names of code that a virtual machine compiled at run time, from the file that
// many of them write for perf: /tmp/perf-PID.map, lines of "START SIZE NAME" with
// hexadecimal numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ebl::symbols {

class PerfMap {
 public:
  struct Entry {
    std::uint64_t start = 0, size = 0;
    std::string name;
  };

  /// Lines of another form are left out. Of entries at one address the last counts: code
  /// is compiled again.
  static PerfMap parse(std::string_view text);

  /// The file of a process, in its own namespaces. Empty where there is none, and where
  /// the file cannot be trusted to be the process's: a link, not a plain file, or owned
  /// by a third user. At most 64 MiB are read.
  static PerfMap of_process(int pid);

  std::optional<Entry> at(std::uint64_t address) const;
  bool empty() const { return entries_.empty(); }

 private:
  std::vector<Entry> entries_;  // by start
};

}  // namespace ebl::symbols
