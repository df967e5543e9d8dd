// Dialect: which of the two C dialects a text is written in, told from the text as
// written.
//
// BCC C has map macros (BPF_HASH), probe macros (TRACEPOINT_PROBE), programs that are
// named after what they probe (kprobe__vfs_read) and methods of maps
// (counts.increment(k)); libbpf C has SEC(). A text of both is refused: half of it would
// be silently dead. A name that the text itself #defines is a sign of nothing.
#pragma once

#include <clang/Lex/Token.h>
#include <llvm/ADT/StringSet.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ebl::compile {

enum class Dialect { libbpf, bcc };

/// One place that tells the dialect.
struct DialectSign {
  std::string what;  ///< as the text has it: "BPF_HASH", "SEC"
  Location location;
};

/// The first sign of each dialect.
struct DialectSigns {
  std::optional<DialectSign> bcc;
  std::optional<DialectSign> libbpf;
};

/// Collects the signs from raw tokens, one after the other.
class DialectScanner {
 public:
  /// `text` is what the tokens come from; `file` is its name before the first #line.
  DialectScanner(std::string_view text, std::string_view file)
      : text_(text), file_(file) {}
  void take(const clang::Token& token);
  DialectSigns finish();

 private:
  enum class Directive { none, hash, define, line, line_number, other };
  void directive(const clang::Token& token, llvm::StringRef word);
  void scope(const clang::Token& token, llvm::StringRef word);
  void before_parenthesis();
  void note(std::optional<DialectSign>& sign, llvm::StringRef word,
            llvm::StringRef member = {});
  int line_of(const char* place);

  std::string_view text_;
  std::string file_;
  int first_line_ = 1;  // what #line calls the line at counted_to_
  std::size_t counted_to_ = 0;
  int line_ = 1;
  Directive directive_ = Directive::none;
  llvm::StringSet<> own_macros_;
  llvm::StringRef word_;        // the identifier just before this token
  llvm::StringRef before_dot_;  // and the one in `name . method`
  int depth_ = 0;               // of braces and parentheses
  bool has_section_ = false;    // this declaration has a SEC()
  bool is_struct_ = false;      // word_ follows `struct`
  DialectSigns signs_;
  std::optional<DialectSign> record_;  // the first struct tracepoint__…
};

}  // namespace ebl::compile
