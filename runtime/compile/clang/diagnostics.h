// Diagnostics: clang's messages as text, and the first error taken apart.
#pragma once

#include <clang/Frontend/TextDiagnosticPrinter.h>
#include <llvm/Support/raw_ostream.h>

#include <string>

#include "base/error.h"

namespace ebl::compile {

class Diagnostics : public clang::DiagnosticConsumer {
 public:
  /// `options` must outlive this.
  explicit Diagnostics(clang::DiagnosticOptions& options);

  /// Everything so far, with source lines and carets, without colours.
  const std::string& text() const { return text_; }
  bool has_error() const { return !first_message_.empty(); }
  /// The first error in one line, without its place: "expected ';' after expression".
  const std::string& first_message() const { return first_message_; }
  /// Its place after #line; an empty file where it has none.
  const Location& first_location() const { return first_location_; }

  void BeginSourceFile(const clang::LangOptions& options,
                       const clang::Preprocessor* preprocessor) override;
  void EndSourceFile() override;
  void HandleDiagnostic(clang::DiagnosticsEngine::Level level,
                        const clang::Diagnostic& diagnostic) override;

 private:
  std::string text_;
  llvm::raw_string_ostream stream_;
  clang::TextDiagnosticPrinter printer_;
  std::string first_message_;
  Location first_location_;
};

}  // namespace ebl::compile
