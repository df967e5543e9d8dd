// Implicit dereference: in a probe of the BCC dialect, `prev->mm->arg_start` reads the
// kernel's memory through a helper, without the author writing it.
//
// It is done on the IR, so it does not matter how the C is written: chains, macros,
// arrays, struct copies, static functions, pointers that a map kept. After all static
// functions are inlined and local variables are values, every load whose address comes
// from outside (pointer_roots.h) becomes a call of bpf_probe_read. CO-RE relocations stay
// as they are: they are in the address.
//
// docs/decisions tells why it is a pass, and which helper it calls.
#pragma once

#include <llvm/Passes/PassBuilder.h>

#include <functional>
#include <string>

namespace ebl::compile {

/// Reports an error at a place of the C text.
using ReportError = std::function<void(const llvm::DebugLoc&, const std::string&)>;

/// Rewrites the probes of a module, told by kContextAttribute (bcc_entries.h), and the
/// callbacks that they hand to helpers.
class ImplicitDereferencePass : public llvm::PassInfoMixin<ImplicitDereferencePass> {
 public:
  explicit ImplicitDereferencePass(ReportError report) : report_(std::move(report)) {}
  llvm::PreservedAnalyses run(llvm::Module& module, llvm::ModuleAnalysisManager&);
  static bool isRequired() { return true; }

 private:
  ReportError report_;
};

/// Adds the passes that must come before it, and it, to the start of a pipeline.
void add_implicit_dereference(llvm::ModulePassManager& passes, ReportError report);

}  // namespace ebl::compile
