// The text's own lines for BTF.ext, under the file names and numbers that #line gives
// them.
//
// LLVM's BTF writer wants the source line of each instruction. It takes it from the
// DIFile's source, or else opens the file of that name on disk: which may hold other text
// (a script with the C inside, an edited header), and could be any file at all (#line 1
// "/etc/shadow"). So every DIFile gets a source that is made from what was compiled.
#pragma once

#include <clang/Basic/SourceManager.h>
#include <llvm/ADT/StringMap.h>
#include <llvm/IR/DebugLoc.h>
#include <llvm/IR/PassManager.h>

#include <string>

namespace ebl::compile {

/// File name after #line -> text whose line N is the line that #line numbers N.
using SourceLines = llvm::StringMap<std::string>;

/// The lines of the main file and of all files that it includes from disk.
SourceLines presumed_lines(const clang::SourceManager& sources);

/// The place in the text that debug information names after #line; for code that came
/// from a header of ours, the place that brought it in. Invalid where there is none.
clang::SourceLocation location_of(const clang::SourceManager& sources,
                                  const llvm::DebugLoc& place);

/// Gives the files of a module's debug information their source. Runs before
/// optimisation.
class SourceLinesPass : public llvm::PassInfoMixin<SourceLinesPass> {
 public:
  explicit SourceLinesPass(const clang::SourceManager& sources) : sources_(&sources) {}
  llvm::PreservedAnalyses run(llvm::Module& module, llvm::ModuleAnalysisManager&);
  static bool isRequired() { return true; }

 private:
  const clang::SourceManager* sources_;
};

}  // namespace ebl::compile
