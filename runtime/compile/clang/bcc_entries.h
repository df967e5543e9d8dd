// The programs of a BCC text: plain functions, told by their form.
//
// BCC makes every externally visible function with a body a program. Its name tells the
// hook (kprobe__vfs_read), or nothing: then its type is chosen when it is loaded or
// attached, and it lies in a section "bcc/NAME" which libbpf leaves alone until then.
// Functions whose first parameter is no pointer, and those that take more than a context
// that is not the processor's registers, can only be called by others.
//
// The work is done in two places: mark_entry() in the AST, before code is generated from
// the function, and EntryPass in the module, which gives a program its real signature:
// one parameter, an int returned.
#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/Decl.h>
#include <llvm/IR/PassManager.h>

#include <string>
#include <vector>

namespace ebl::compile {

/// Function attribute of programs in the module: what their context is, as
/// BccEntry::context. Programs of libbpf texts have none.
inline constexpr const char* kContextAttribute = "ebl-context";

/// How parameters after the context get their values.
enum class Arguments {
  none,       ///< there are none
  registers,  ///< from the registers in the context
  syscall,    ///< from the registers that the system call's own context points to
};

/// One externally visible function of the text.
struct BccEntry {
  std::string function;
  bool is_program = true;  ///< false: it can only be called by others
  std::string context;  ///< "pt_regs", "raw_tracepoint", "tracepoint", "void" or "other"
  Arguments arguments = Arguments::none;
  std::vector<bool> used;  ///< of the parameters after the context
};
using BccEntries = std::vector<BccEntry>;

/// Finds out what `function`, a definition that code has not been generated from, is: a
/// program gets a section and a place in `entries`, any other is inlined into its
/// callers. An error is reported through the context's diagnostics.
void mark_entry(clang::ASTContext& context, clang::FunctionDecl* function,
                BccEntries& entries);

/// Gives each of `entries` its wrapper. Runs before optimisation.
class EntryPass : public llvm::PassInfoMixin<EntryPass> {
 public:
  /// `entries` must outlive the pass and may be filled until it runs.
  explicit EntryPass(const BccEntries& entries) : entries_(&entries) {}
  llvm::PreservedAnalyses run(llvm::Module& module, llvm::ModuleAnalysisManager&);
  static bool isRequired() { return true; }

 private:
  const BccEntries* entries_;
};

}  // namespace ebl::compile
