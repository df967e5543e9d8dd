// CodeGeneration: the front-end action that parses a text with kernel types from BTF and
// emits a BPF object with all that the Lua side needs to find in it.
#pragma once

#include <clang/CodeGen/CodeGenAction.h>
#include <llvm/Support/raw_ostream.h>

#include "compile/clang/back_end_messages.h"
#include "compile/clang/bcc_entries.h"
#include "compile/clang/dialect.h"
#include "compile/clang/kernel_source.h"

namespace ebl::compile {

class CodeGeneration : public clang::EmitObjAction {
 public:
  /// `locals` receives the big variables on the stack before code is generated, and must
  /// outlive the action, as must `ir`, which receives the optimised module's text where
  /// it is not null.
  CodeGeneration(llvm::IntrusiveRefCntPtr<KernelSource> kernel, Dialect dialect,
                 std::vector<LocalVariable>& locals, std::string* ir)
      : kernel_(std::move(kernel)), dialect_(dialect), locals_(locals), ir_(ir) {}

  /// Whether the text was accepted and code was generated from it. If not, the text may
  /// be compiled once more in this process: LLVM's back end has not run.
  bool has_generated() const { return has_generated_; }

 protected:
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& instance,
                                                        llvm::StringRef file) override;

 private:
  llvm::IntrusiveRefCntPtr<KernelSource> kernel_;
  Dialect dialect_;
  BccEntries entries_;
  std::vector<LocalVariable>& locals_;
  std::string* ir_;
  std::unique_ptr<llvm::raw_string_ostream> ir_stream_;
  bool has_generated_ = false;
};

}  // namespace ebl::compile
