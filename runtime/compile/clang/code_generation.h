// CodeGeneration: the front-end action that parses a text with kernel types from BTF and
// emits a BPF object with all that the Lua side needs to find in it.
#pragma once

#include <clang/CodeGen/CodeGenAction.h>

#include "kernel_source.h"

namespace ebl::compile {

class CodeGeneration : public clang::EmitObjAction {
 public:
  explicit CodeGeneration(llvm::IntrusiveRefCntPtr<KernelSource> kernel)
      : kernel_(std::move(kernel)) {}

 protected:
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& instance,
                                                        llvm::StringRef file) override;

 private:
  llvm::IntrusiveRefCntPtr<KernelSource> kernel_;
};

}  // namespace ebl::compile
