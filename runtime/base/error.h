// What every failure in the runtime carries, from the stage that failed to the user's
// terminal.
#pragma once

#include <string>

namespace ebl {

/// The stage of the data flow that failed (ARCHITECTURE.md).
enum class Stage { usage, plan, compile, load, attach, read, symbols, script };

/// Why it failed. The exit code of the program follows from it.
enum class Code {
  invalid,        ///< the caller's input is wrong
  not_found,      ///< a name that does not exist
  compile,        ///< clang refused the C text
  verifier,       ///< the kernel's verifier refused the program
  not_permitted,  ///< a privilege is missing
  not_supported,  ///< this kernel or machine cannot do it
  io,             ///< a system call failed
  interrupted,    ///< the user ended it (Ctrl-C)
  internal,       ///< a defect of ours
};

/// A place in the user's source. An empty file means: nowhere in particular. Lines and
/// columns count from 1; 0 is unknown.
struct Location {
  std::string file;
  int line = 0;
  int column = 0;
};

/// `message` is one line that names the thing; `notes` are lines that show why (C lines,
/// values), always printed with it; `hint` is the next action; `detail` is the whole text
/// of clang or the verifier. All but the message may be empty.
struct Error {
  Stage stage = Stage::script;
  Code code = Code::internal;
  std::string message;
  std::string hint;
  std::string notes;
  std::string detail;
  Location location;
};

const char* to_string(Stage stage);
const char* to_string(Code code);

/// Exit code of the program for an uncaught error: 0 interrupted, 1 script, compile or
/// load error, 2 usage, 3 not permitted, 4 not supported.
int exit_code(const Error& error);

/// The text of an errno value, with its name: "EPERM (Operation not permitted)".
std::string errno_text(int error_number);

}  // namespace ebl
