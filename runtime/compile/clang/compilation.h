// Compilation: one text to one object, with clang as a library.
#pragma once

#include <llvm/ADT/SmallVector.h>

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "compile/clang/kernel_btf.h"

namespace ebl::compile {

struct CompilationInput {
  std::string_view text;
  std::string name;
  std::string dialect;                   ///< "bcc", "libbpf" or empty: told from the text
  std::string tracefs;                   ///< its mount point, or empty
  std::vector<std::string> arguments;    ///< checked by compile/flags.h
  std::vector<std::string> directories;  ///< absolute
  std::string listing;                   ///< "", "ir", "asm", "relocs"
};

struct CompilationOutput {
  bool ok = false;
  bool needs_btf = false;  ///< refused, because there is no BTF for a name of the text
  llvm::SmallVector<char, 0> object;
  std::string diagnostics;
  std::string message;
  std::string hint;
  Location location;
  std::set<ReadFile> files_read;        ///< by #include, and the BTF of modules
  std::set<std::string> files_missing;  ///< looked for by #include
  std::string listing;
};

/// Once in a process: LLVM 19's BPF back end keeps state (compiler_abi.h).
CompilationOutput compile_text(KernelBtf& kernel, const CompilationInput& input);

}  // namespace ebl::compile
