#include "compile/clang/name_scan.h"

#include <clang/Frontend/FrontendAction.h>
#include <clang/Lex/Lexer.h>
#include <clang/Lex/Preprocessor.h>

#include "compile/clang/tracepoint_formats.h"

namespace ebl::compile {

using clang::Token;
namespace tok = clang::tok;

namespace {

/// The first token after the attributes that begin at `at`.
std::size_t after_attributes(std::span<const Token> tokens, std::size_t at) {
  while (at < tokens.size() && tokens[at].is(tok::kw___attribute)) {
    int depth = 0;
    for (at++; at < tokens.size(); at++) {
      if (tokens[at].is(tok::l_paren)) depth++;
      if (tokens[at].is(tok::r_paren) && --depth == 0) break;
    }
    at++;
  }
  return at;
}

class ScanAction : public clang::PreprocessorFrontendAction {
 public:
  ExpandedNames take() { return std::move(names_); }

 protected:
  void ExecuteAction() override {
    clang::Preprocessor& preprocessor = getCompilerInstance().getPreprocessor();
    preprocessor.IgnorePragmas();
    preprocessor.EnterMainSourceFile();
    std::vector<Token> tokens;
    for (;;) {
      Token token;
      preprocessor.Lex(token);
      if (token.is(tok::eof)) break;
      tokens.push_back(token);
    }
    names_ = expanded_names(tokens);
  }

 private:
  ExpandedNames names_;
};

}  // namespace

ExpandedNames expanded_names(std::span<const Token> tokens) {
  ExpandedNames names;
  for (std::size_t at = 0; at < tokens.size(); at++) {
    if (!tokens[at].isOneOf(tok::kw_struct, tok::kw_union, tok::kw_enum)) continue;
    const bool is_enum = tokens[at].is(tok::kw_enum);
    const std::size_t name = after_attributes(tokens, at + 1);
    if (name >= tokens.size() || tokens[name].isNot(tok::identifier)) continue;
    const llvm::StringRef tag = tokens[name].getIdentifierInfo()->getName();
    if (tag.starts_with(kTracepointTag)) names.tracepoints.insert(tag.str());
    const std::size_t body = after_attributes(tokens, name + 1);
    if (body >= tokens.size()) break;
    // `enum e : u8 {` is a definition or, after a colon and without a body, an oddity.
    if (tokens[body].is(tok::l_brace) || (is_enum && tokens[body].is(tok::colon)))
      names.tags.insert(tag);
  }
  return names;
}

ExpandedNames expanded_names(clang::CompilerInstance& instance) {
  ScanAction action;
  instance.ExecuteAction(action);
  return action.take();
}

namespace {

/// Collects the traits of raw tokens, one after the other.
class TextScanner {
 public:
  void take(const Token& token) {
    const llvm::StringRef word =
        token.is(tok::raw_identifier) ? token.getRawIdentifier() : llvm::StringRef();
    if (!word.empty()) traits_.words.insert(word);
    tracepoint(token, word);
    directive(token, word);
    tag(token, word);
  }
  TextTraits finish() { return std::move(traits_); }

 private:
  enum class Directive { none, hash, include, define };
  enum class Tag { none, keyword, named };

  void directive(const Token& token, llvm::StringRef word) {
    if (token.is(tok::hash) && token.isAtStartOfLine()) {
      directive_ = Directive::hash;
      return;
    }
    const Directive before = std::exchange(directive_, Directive::none);
    if (before == Directive::hash) {
      if (word == "include" || word == "include_next" || word == "import") {
        traits_.has_include = true;
        directive_ = Directive::include;
      } else if (word == "define") {
        directive_ = Directive::define;
      }
    } else if (before == Directive::include && token.is(tok::string_literal)) {
      const llvm::StringRef name(token.getLiteralData(), token.getLength());
      if (name != "\"vmlinux.h\"") traits_.reads_files = true;
    } else if (before == Directive::define && word.starts_with("__TARGET_ARCH_")) {
      traits_.sets_target = true;
    }
  }

  void tag(const Token& token, llvm::StringRef word) {
    if (word == "struct" || word == "union" || word == "enum") {
      tag_ = Tag::keyword;
    } else if (tag_ == Tag::keyword && !word.empty()) {
      tag_ = Tag::named;
      name_ = word;
    } else {
      if (tag_ == Tag::named && token.isOneOf(tok::l_brace, tok::colon))
        traits_.tags.insert(name_);
      tag_ = Tag::none;
    }
  }

  /// TRACEPOINT_PROBE(category, event), and the tag that it makes, written out.
  void tracepoint(const Token& token, llvm::StringRef word) {
    if (word.starts_with(kTracepointTag)) traits_.tracepoints.insert(word.str());
    if (word == "TRACEPOINT_PROBE") {
      probe_ = kTracepointTag.str();
      names_wanted_ = 2;
    } else if (names_wanted_ > 0 && !word.empty()) {
      probe_ += word.str() + (--names_wanted_ ? "__" : "");
      if (names_wanted_ == 0) traits_.tracepoints.insert(probe_);
    } else if (!token.isOneOf(tok::l_paren, tok::comma)) {
      names_wanted_ = 0;
    }
  }

  TextTraits traits_;
  std::string probe_;
  int names_wanted_ = 0;
  Directive directive_ = Directive::none;
  Tag tag_ = Tag::none;
  llvm::StringRef name_;
};

}  // namespace

TextTraits scan_text(std::string_view text, std::string_view name) {
  clang::LangOptions options;
  const std::string terminated(text);
  clang::Lexer lexer(clang::SourceLocation(), options, terminated.data(),
                     terminated.data(), terminated.data() + terminated.size());
  TextScanner scanner;
  DialectScanner dialect(terminated, name);
  Token token;
  do {
    lexer.LexFromRawLexer(token);
    scanner.take(token);
    dialect.take(token);
  } while (token.isNot(tok::eof));
  TextTraits traits = scanner.finish();
  traits.signs = dialect.finish();
  return traits;
}

}  // namespace ebl::compile
