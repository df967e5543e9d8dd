// Diagnostics: clang's messages as text, and the first error taken apart.
//
// Messages of the front end pass as clang prints them: the user's line first, the macros
// that it expands below. Those of the BPF back end come without a line of the text (clang
// looks for it in a file, and the text may be in a script) and speak of LLVM's business;
// they are placed and reworded (back_end_messages.h).
#pragma once

#include <clang/Frontend/TextDiagnosticPrinter.h>
#include <llvm/Support/raw_ostream.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "compile/clang/back_end_messages.h"
#include "compile/clang/source_lines.h"

namespace ebl::compile {

class Diagnostics : public clang::DiagnosticConsumer {
 public:
  /// `options` and `locals` must outlive this; `locals` is read when the back end
  /// complains.
  Diagnostics(clang::DiagnosticOptions& options,
              const std::vector<LocalVariable>& locals);

  /// Everything so far, with source lines and carets, without colours.
  const std::string& text() const { return text_; }
  bool has_error() const { return !first_message_.empty(); }
  /// The first error in one line, without its place: "expected ';' after expression".
  const std::string& first_message() const { return first_message_; }
  /// What to do about it; empty for messages of the front end.
  const std::string& first_hint() const { return first_hint_; }
  /// Its place after #line; an empty file where it has none.
  const Location& first_location() const { return first_location_; }
  /// The line there; empty where it is not known.
  const std::string& first_line() const { return first_line_; }

  void BeginSourceFile(const clang::LangOptions& options,
                       const clang::Preprocessor* preprocessor) override;
  void EndSourceFile() override;
  void HandleDiagnostic(clang::DiagnosticsEngine::Level level,
                        const clang::Diagnostic& diagnostic) override;

 private:
  /// An error of the back end, whose place may come in a note behind it.
  struct Pending {
    std::string message;
    Location location;  ///< of the function
    bool is_placed = false;
  };

  void keep_first(const std::string& message, const std::string& hint,
                  const Location& location);
  std::string line_at(const Location& location) const;
  void flush();

  const std::vector<LocalVariable>& locals_;
  std::string text_;
  llvm::raw_string_ostream stream_;
  clang::TextDiagnosticPrinter printer_;
  std::string first_message_;
  std::string first_hint_;
  std::string first_line_;
  Location first_location_;
  SourceLines lines_;
  std::optional<Pending> pending_;
  std::set<std::string> printed_;  // places: the back end repeats itself
};

}  // namespace ebl::compile
