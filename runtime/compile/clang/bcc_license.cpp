#include "compile/clang/bcc_license.h"

#include <clang/Basic/SourceManager.h>

namespace ebl::compile {

std::string bcc_license(clang::Preprocessor& preprocessor) {
  const clang::MacroInfo* macro =
      preprocessor.getMacroInfo(preprocessor.getIdentifierInfo("BPF_LICENSE"));
  if (!macro) return "GPL";
  const clang::SourceLocation place = macro->getDefinitionLoc();
  if (preprocessor.getSourceManager().isWrittenInCommandLineFile(place)) {
    clang::DiagnosticsEngine& diagnostics = preprocessor.getDiagnostics();
    diagnostics.Report(
        diagnostics.getCustomDiagID(clang::DiagnosticsEngine::Error,
                                    "BPF_LICENSE is defined in the text, not by a flag"));
  }
  std::string words;
  for (const clang::Token& token : macro->tokens()) {
    if (token.hasLeadingSpace() && !words.empty()) words += ' ';
    words += preprocessor.getSpelling(token);
  }
  const llvm::StringRef text(words);
  return text.size() >= 2 && text.starts_with("\"") && text.ends_with("\"")
             ? text.drop_front().drop_back().str()
             : words;
}

}  // namespace ebl::compile
