#include "compile/clang/diagnostics.h"

#include <clang/Basic/SourceManager.h>

namespace ebl::compile {

Diagnostics::Diagnostics(clang::DiagnosticOptions& options)
    : stream_(text_), printer_(stream_, &options) {}

void Diagnostics::BeginSourceFile(const clang::LangOptions& options,
                                  const clang::Preprocessor* preprocessor) {
  printer_.BeginSourceFile(options, preprocessor);
}

void Diagnostics::EndSourceFile() {
  printer_.EndSourceFile();
}

void Diagnostics::HandleDiagnostic(clang::DiagnosticsEngine::Level level,
                                   const clang::Diagnostic& diagnostic) {
  clang::DiagnosticConsumer::HandleDiagnostic(level, diagnostic);
  printer_.HandleDiagnostic(level, diagnostic);
  if (level < clang::DiagnosticsEngine::Error || has_error()) return;
  llvm::SmallString<128> message;
  diagnostic.FormatDiagnostic(message);
  first_message_ = message.str().str();
  if (!diagnostic.hasSourceManager() || diagnostic.getLocation().isInvalid()) return;
  const clang::SourceManager& sources = diagnostic.getSourceManager();
  const clang::PresumedLoc place =
      sources.getPresumedLoc(sources.getFileLoc(diagnostic.getLocation()));
  if (place.isInvalid()) return;
  first_location_ = {.file = place.getFilename(),
                     .line = static_cast<int>(place.getLine()),
                     .column = static_cast<int>(place.getColumn())};
}

}  // namespace ebl::compile
