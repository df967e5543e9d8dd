#include "name_scan.h"

#include <clang/Frontend/FrontendAction.h>
#include <clang/Lex/Lexer.h>
#include <clang/Lex/Preprocessor.h>

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
  Tags take() { return std::move(tags_); }

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
    tags_ = defined_tags(tokens);
  }

 private:
  Tags tags_;
};

}  // namespace

Tags defined_tags(std::span<const Token> tokens) {
  Tags tags;
  for (std::size_t at = 0; at < tokens.size(); at++) {
    if (!tokens[at].isOneOf(tok::kw_struct, tok::kw_union, tok::kw_enum)) continue;
    const bool is_enum = tokens[at].is(tok::kw_enum);
    const std::size_t name = after_attributes(tokens, at + 1);
    if (name >= tokens.size() || tokens[name].isNot(tok::identifier)) continue;
    const std::size_t body = after_attributes(tokens, name + 1);
    if (body >= tokens.size()) break;
    // `enum e : u8 {` is a definition or, after a colon and without a body, an oddity.
    if (tokens[body].is(tok::l_brace) || (is_enum && tokens[body].is(tok::colon)))
      tags.insert(tokens[name].getIdentifierInfo()->getName());
  }
  return tags;
}

Tags defined_tags(clang::CompilerInstance& instance) {
  ScanAction action;
  instance.ExecuteAction(action);
  return action.take();
}

TextTraits scan_text(std::string_view text) {
  TextTraits traits;
  clang::LangOptions options;
  const std::string terminated(text);
  clang::Lexer lexer(clang::SourceLocation(), options, terminated.data(),
                     terminated.data(), terminated.data() + terminated.size());
  Token token;
  auto word = [&] {
    lexer.LexFromRawLexer(token);
    return token.is(tok::raw_identifier) ? token.getRawIdentifier() : llvm::StringRef();
  };
  do {
    lexer.LexFromRawLexer(token);
    if (!token.is(tok::hash) || !token.isAtStartOfLine()) continue;
    const llvm::StringRef directive = word();
    if (directive == "include" || directive == "include_next" || directive == "import")
      traits.has_include = true;
    if (directive == "define" && word().starts_with("__TARGET_ARCH_"))
      traits.sets_target = true;
  } while (token.isNot(tok::eof));
  return traits;
}

}  // namespace ebl::compile
