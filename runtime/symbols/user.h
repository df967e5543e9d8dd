// UserSymbols: the function behind an address of a process, and what functions of
// programs are called with.
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
#include <vector>

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

struct UserPrototype {
  struct Parameter {
    std::string name;  ///< empty where it has none; any text, perhaps no C name
    std::string type;  ///< C text of basic types and pointers to them, else "void *"
    int place;         ///< which of the integer arguments it is, from 0; -1: none of them
  };
  std::vector<Parameter> parameters;
  std::string result;  ///< "void"; empty for what is in no integer register
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

  /// By debug information, for the entry of a function by its symbol. Code::not_found for
  /// a function or file without, Code::not_supported for a copy that the compiler has
  /// made for some calls. The last file stays open.
  Result<UserPrototype> prototype(const std::string& path, const std::string& function);

  /// Drops what is kept of a process.
  void forget(int pid);

 private:
  class Library;
  class Process;
  class File;
  Result<const Library*> library();
  Result<Process*> process(int pid);
  Result<File*> file(const std::string& path);

  std::string path_;
  std::unique_ptr<Library>
      library_;  // declared before, so destroyed after, its processes
  std::unordered_map<int, std::unique_ptr<Process>> processes_;
  std::unique_ptr<File> file_;
};

/// The C++ name behind a mangled one; other names as they are.
std::string demangle(const char* name);

}  // namespace ebl::symbols
