// Which names the text defines, found before it is parsed.
//
// The kernel's types are made when a name is first looked up. A name that the text
// defines further down must not be answered from BTF: a kernel type that has been
// completed makes the text's own definition a redefinition error. So the expanded text is
// lexed once ahead.
#pragma once

#include <clang/Frontend/CompilerInstance.h>
#include <llvm/ADT/StringSet.h>

#include <span>
#include <string_view>
#include <vector>

namespace ebl::compile {

struct DefinedNames {
  llvm::StringSet<> tags;      ///< of structs, unions and enums with a body
  llvm::StringSet<> ordinary;  ///< typedefs, enumerators, functions and variables
};

/// The names that these preprocessed tokens define. Errs on the side of too many where
/// the tokens are not C.
DefinedNames scan_names(std::span<const clang::Token> tokens);

/// Preprocesses `instance`'s input, without diagnostics, and scans it.
DefinedNames scan_names(clang::CompilerInstance& instance);

/// What is told from the text as written, before any flag is set.
struct TextTraits {
  bool has_include = false;  ///< it has an #include: it gets no preamble
  bool sets_target = false;  ///< it defines __TARGET_ARCH_something itself
};

TextTraits scan_text(std::string_view text);

}  // namespace ebl::compile
