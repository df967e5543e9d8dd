#include "compile/clang/diagnostics.h"

#include <clang/Basic/DiagnosticFrontend.h>
#include <clang/Basic/SourceManager.h>
#include <llvm/Support/FormatVariadic.h>

namespace ebl::compile {
namespace {

Location place_of(const clang::Diagnostic& diagnostic) {
  if (!diagnostic.hasSourceManager() || diagnostic.getLocation().isInvalid()) return {};
  const clang::SourceManager& sources = diagnostic.getSourceManager();
  const clang::PresumedLoc place =
      sources.getPresumedLoc(sources.getFileLoc(diagnostic.getLocation()));
  if (place.isInvalid()) return {};
  return {.file = place.getFilename(),
          .line = static_cast<int>(place.getLine()),
          .column = static_cast<int>(place.getColumn())};
}

}  // namespace

Diagnostics::Diagnostics(clang::DiagnosticOptions& options,
                         const std::vector<LocalVariable>& locals)
    : locals_(locals), stream_(text_), printer_(stream_, &options) {}

void Diagnostics::BeginSourceFile(const clang::LangOptions& options,
                                  const clang::Preprocessor* preprocessor) {
  printer_.BeginSourceFile(options, preprocessor);
}

void Diagnostics::EndSourceFile() {
  flush();
  printer_.EndSourceFile();
}

void Diagnostics::HandleDiagnostic(clang::DiagnosticsEngine::Level level,
                                   const clang::Diagnostic& diagnostic) {
  clang::DiagnosticConsumer::HandleDiagnostic(level, diagnostic);
  if (diagnostic.getID() == clang::diag::note_fe_backend_invalid_loc) {
    if (!pending_ || pending_->is_placed) return;
    const auto line = static_cast<int>(diagnostic.getRawArg(1));
    if (line <= 0) return;
    pending_->location = {.file = diagnostic.getArgStdStr(0),
                          .line = line,
                          .column = static_cast<int>(diagnostic.getRawArg(2))};
    pending_->is_placed = true;
    return;
  }
  flush();
  llvm::SmallString<128> message;
  diagnostic.FormatDiagnostic(message);
  const Location location = place_of(diagnostic);
  if (diagnostic.hasSourceManager() && level >= clang::DiagnosticsEngine::Error &&
      lines_.empty())
    lines_ = presumed_lines(diagnostic.getSourceManager());
  if (diagnostic.getID() == clang::diag::err_fe_backend_unsupported) {
    pending_ = Pending{.message = message.str().str(), .location = location};
    return;
  }
  printer_.HandleDiagnostic(level, diagnostic);
  if (level >= clang::DiagnosticsEngine::Error)
    keep_first(message.str().str(), {}, location);
}

void Diagnostics::keep_first(const std::string& message, const std::string& hint,
                             const Location& location) {
  if (has_error()) return;
  first_message_ = message;
  first_hint_ = hint;
  first_location_ = location;
  first_line_ = line_at(location);
}

std::string Diagnostics::line_at(const Location& location) const {
  const auto found = lines_.find(location.file);
  if (found == lines_.end() || location.line < 1) return "";
  llvm::StringRef rest = found->second, line;
  for (int number = 0; number < location.line; number++)
    std::tie(line, rest) = rest.split('\n');
  return line.str();
}

void Diagnostics::flush() {
  if (!pending_) return;
  const Pending pending = *std::exchange(pending_, std::nullopt);
  int function_line = pending.location.line;
  // A note has moved the location into the function: the nearest one above it.
  if (pending.is_placed) {
    int nearest = 0;
    for (const LocalVariable& local : locals_)
      if (local.function_line <= pending.location.line)
        nearest = std::max(nearest, local.function_line);
    function_line = nearest;
  }
  const BackEndMessage told = explain_back_end(pending.message, function_line, locals_);
  const Location& place = told.location.file.empty() ? pending.location : told.location;
  keep_first(told.message, told.hint, place);
  std::string head;
  if (!place.file.empty())
    head = llvm::formatv("{0}:{1}:{2}: ", place.file, place.line, place.column);
  if (!printed_.insert(head.empty() ? told.message : head).second) return;
  stream_ << head << "error: " << told.message << '\n';
  const std::string line = line_at(place);
  if (line.empty()) return;
  stream_ << llvm::formatv("{0,5} | {1}\n", place.line, line);
  if (place.column < 1) return;
  // Tabs stay tabs, so that the caret stands below its character.
  std::string blanks;
  for (int i = 0; i + 1 < place.column && i < static_cast<int>(line.size()); i++)
    blanks += line[static_cast<std::size_t>(i)] == '\t' ? '\t' : ' ';
  stream_ << "      | " << blanks << "^\n";
}

}  // namespace ebl::compile
