// Which struct, union and enum tags the text defines, found before it is parsed.
//
// The kernel's types are made when a name is first looked up. A tag that the text defines
// further down must not be answered from BTF: a kernel type that has been completed makes
// the text's own definition a redefinition error. So the expanded text is lexed once
// ahead. (Other names need no such care: C has them declared before their first use, and
// what is declared is never looked up in BTF.)
#pragma once

#include <clang/Frontend/CompilerInstance.h>
#include <llvm/ADT/StringSet.h>

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compile/clang/dialect.h"

namespace ebl::compile {

using Tags = llvm::StringSet<>;

/// What is told from the text with its macros expanded.
struct ExpandedNames {
  Tags tags;                          ///< that it gives a body
  std::set<std::string> tracepoints;  ///< records tracepoint__CATEGORY__EVENT it names
};

ExpandedNames expanded_names(std::span<const clang::Token> tokens);

/// Preprocesses `instance`'s input and looks there.
ExpandedNames expanded_names(clang::CompilerInstance& instance);

/// What is told from the text as written, its macros not expanded.
struct TextTraits {
  bool has_include = false;  ///< it has an #include: it gets no preamble
  bool reads_files = false;  ///< it includes something in quotes that is not vmlinux.h
  bool sets_target = false;  ///< it defines __TARGET_ARCH_something itself
  Tags tags;                 ///< that it gives a body
  std::set<std::string> tracepoints;  ///< records tracepoint__CATEGORY__EVENT it names
  llvm::StringSet<> words;            ///< all its identifiers
  DialectSigns signs;                 ///< of BCC C and of libbpf C
};

/// `name`: what the text is called before its first #line.
TextTraits scan_text(std::string_view text, std::string_view name);

}  // namespace ebl::compile
