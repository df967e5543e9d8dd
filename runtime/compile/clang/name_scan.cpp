#include "name_scan.h"

#include <clang/Frontend/FrontendAction.h>
#include <clang/Lex/Lexer.h>
#include <clang/Lex/Preprocessor.h>

namespace ebl::compile {

using clang::Token;
namespace tok = clang::tok;

namespace {

bool opens(tok::TokenKind kind) {
  return kind == tok::l_paren || kind == tok::l_square || kind == tok::l_brace;
}
bool closes(tok::TokenKind kind) {
  return kind == tok::r_paren || kind == tok::r_square || kind == tok::r_brace;
}

class Scanner {
 public:
  explicit Scanner(std::span<const Token> tokens) : tokens_(tokens) {}

  DefinedNames run() {
    for (std::size_t at = 0; at < tokens_.size(); at++) {
      switch (kind(at)) {
        case tok::l_brace: braces_++; break;
        case tok::r_brace: braces_ -= braces_ > 0; break;
        case tok::l_paren: parens_++; break;
        case tok::r_paren: parens_ -= parens_ > 0; break;
        case tok::kw_struct:
        case tok::kw_union:
        case tok::kw_enum: tag(at); break;
        case tok::kw_typedef: type_definition(at + 1); break;
        case tok::identifier: file_scope(at); break;
        default: break;
      }
    }
    return std::move(names_);
  }

 private:
  tok::TokenKind kind(std::size_t at) const {
    return at < tokens_.size() ? tokens_[at].getKind() : tok::eof;
  }
  llvm::StringRef name(std::size_t at) const {
    return tokens_[at].getIdentifierInfo()->getName();
  }

  /// Past the bracketed group that begins at `at`.
  std::size_t after_group(std::size_t at) const {
    int depth = 0;
    for (; at < tokens_.size(); at++) {
      if (opens(kind(at))) depth++;
      if (closes(kind(at)) && --depth <= 0) return at + 1;
    }
    return at;
  }
  std::size_t after_attributes(std::size_t at) const {
    while (kind(at) == tok::kw___attribute) at = after_group(at + 1);
    return at;
  }

  void tag(std::size_t keyword) {
    const std::size_t named = after_attributes(keyword + 1);
    std::size_t body = named;
    if (kind(named) == tok::identifier) body = after_attributes(named + 1);
    if (kind(keyword) == tok::kw_enum && kind(body) == tok::colon)
      while (kind(body) != tok::l_brace && kind(body) != tok::semi &&
             kind(body) != tok::eof)
        body++;
    if (kind(body) != tok::l_brace) return;
    if (kind(named) == tok::identifier) names_.tags.insert(name(named));
    if (kind(keyword) == tok::kw_enum) enumerators(body);
  }

  void enumerators(std::size_t open) {
    const std::size_t end = after_group(open);
    bool expected = true;
    for (std::size_t at = open + 1; at + 1 < end;) {
      if (expected && kind(at) == tok::identifier) names_.ordinary.insert(name(at));
      expected = kind(at) == tok::comma;
      at = opens(kind(at)) ? after_group(at) : at + 1;
    }
  }

  /// The declarators of a typedef: the last name before `;`, `,`, `[`, `(` or an
  /// attribute, or the first name inside `(*name)`.
  void type_definition(std::size_t at) {
    std::size_t last = 0;
    auto accept = [&] {
      if (last) names_.ordinary.insert(name(last));
      last = 0;
    };
    while (kind(at) != tok::semi && kind(at) != tok::eof && kind(at) != tok::r_brace) {
      switch (kind(at)) {
        case tok::identifier: last = at++; break;
        case tok::kw___attribute:
          accept();
          at = after_attributes(at);
          break;
        case tok::kw_typeof: at = after_group(at + 1); break;
        case tok::l_paren:
          if (!last || kind(at + 1) == tok::star) {
            for (std::size_t in = at + 1; in < after_group(at); in++)
              if (kind(in) == tok::identifier) {
                last = in;
                break;
              }
          }
          accept();
          at = after_group(at);
          break;
        case tok::l_square:
        case tok::comma:
          accept();
          at = kind(at) == tok::comma ? at + 1 : after_group(at);
          break;
        case tok::l_brace:
          last = 0;
          at = after_group(at);
          break;
        default: at++;
      }
    }
    accept();
  }

  /// Functions and variables: only names at file scope that something follows as it
  /// follows a declarator.
  void file_scope(std::size_t at) {
    if (braces_ || parens_) return;
    switch (kind(at + 1)) {
      case tok::l_paren:
      case tok::l_square:
      case tok::equal:
      case tok::semi:
      case tok::comma:
      case tok::kw___attribute: names_.ordinary.insert(name(at)); break;
      default: break;
    }
  }

  std::span<const Token> tokens_;
  DefinedNames names_;
  int braces_ = 0;
  int parens_ = 0;
};

class ScanAction : public clang::PreprocessorFrontendAction {
 public:
  DefinedNames take() { return std::move(names_); }

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
    names_ = scan_names(tokens);
  }

 private:
  DefinedNames names_;
};

}  // namespace

DefinedNames scan_names(std::span<const Token> tokens) {
  return Scanner(tokens).run();
}

DefinedNames scan_names(clang::CompilerInstance& instance) {
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
