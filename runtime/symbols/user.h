// UserSymbols: the function behind an address of a process.
//
// Names come from the symbol tables of what the process has mapped, debug files under
// /usr/lib/debug included, and for code that was compiled at run time from perf-PID.map.
// All of it is kept for each process: a process that has ended is still known if it was
// asked about before. Used by one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/result.h"

namespace ebl::symbols {

struct UserSymbol {
  std::string name;  ///< demangled; empty: the module has no symbol there
  std::uint64_t offset =
      0;               ///< from the symbol's start; without a name, from the module's
  std::string module;  ///< path of the file; "[perf map]" for code compiled at run time
  std::string file;    ///< source file, with debug information only
  int line = 0;        ///< from 1; 0 unknown
};

class UserSymbols {
 public:
  /// `library` is the path of symbolizer.so, opened by the first resolve().
  explicit UserSymbols(std::string library);
  UserSymbols(UserSymbols&&) noexcept;
  UserSymbols& operator=(UserSymbols&&) noexcept;
  ~UserSymbols();

  /// `lines`: with the source line, which may read debug information for a second, once
  /// for each file. `pid` is a process (tgid), not a thread. Code::not_found for a
  /// process that is gone or an address where it has nothing mapped, Code::not_permitted
  /// for a process that may not be read (CAP_SYS_PTRACE).
  Result<UserSymbol> resolve(int pid, std::uint64_t address, bool lines = false);

  /// Drops what is kept of a process.
  void forget(int pid);

 private:
  class Library;
  class Process;
  Result<Process*> process(int pid);

  std::string path_;
  std::unique_ptr<Library>
      library_;  // declared before, so destroyed after, its processes
  std::unordered_map<int, std::unique_ptr<Process>> processes_;
};

/// The C++ name behind a mangled one; other names as they are.
std::string demangle(const char* name);

}  // namespace ebl::symbols
