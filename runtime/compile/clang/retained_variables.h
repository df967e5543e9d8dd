// Variables that the text does not have, made in the AST so that they reach the object.
#pragma once

#include <clang/AST/ASTConsumer.h>
#include <clang/AST/ASTContext.h>

#include <string>

namespace ebl::compile {

/// The section of variables that only carry a type into BTF. libbpf skips a data section
/// whose name it does not know, so they cost nothing in the kernel.
inline constexpr const char* kTypeSection = ".ebpf_lua.types";

class RetainedVariables {
 public:
  /// `code` is the consumer that generates code. Both must outlive this.
  RetainedVariables(clang::ASTContext& context, clang::ASTConsumer& code)
      : context_(context), code_(code) {}

  /// static T *name, in kTypeSection.
  void add_type(const std::string& name, clang::QualType pointee);
  /// char name[] = text, in `section`.
  void add_text(const std::string& name, const char* section, llvm::StringRef text);

 private:
  clang::VarDecl* declare(const std::string& name, clang::QualType type,
                          const char* section, clang::StorageClass storage);

  clang::ASTContext& context_;
  clang::ASTConsumer& code_;
};

}  // namespace ebl::compile
