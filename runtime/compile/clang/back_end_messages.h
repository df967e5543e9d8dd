// The messages of LLVM's BPF back end in the words of the C that caused them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ebl::compile {

/// A variable of a function that lies on the stack.
struct LocalVariable {
  std::string name;
  std::string function;
  int function_line = 0;
  std::uint64_t bytes = 0;
  Location location;
};

struct BackEndMessage {
  std::string message;
  std::string hint;   ///< may be empty
  Location location;  ///< an empty file: no better one than LLVM's
};

/// `function_line`: where the function begins that the back end was generating.
BackEndMessage explain_back_end(std::string_view message, int function_line,
                                const std::vector<LocalVariable>& locals);

}  // namespace ebl::compile
