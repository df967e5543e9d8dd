#include "compile/clang/local_variables.h"

#include <clang/AST/RecursiveASTVisitor.h>
#include <clang/Basic/SourceManager.h>

namespace ebl::compile {
namespace {

constexpr std::uint64_t kBig = 64;

class Collector : public clang::RecursiveASTVisitor<Collector> {
 public:
  Collector(clang::ASTContext& context, const clang::FunctionDecl& function)
      : context_(context), function_(function) {}

  // NOLINTNEXTLINE(readability-identifier-naming): the visitor's own name
  bool VisitVarDecl(clang::VarDecl* variable) {
    const clang::QualType type = variable->getType();
    if (!variable->hasLocalStorage() || type->isIncompleteType() ||
        type->isVariablyModifiedType())
      return true;
    const auto bytes =
        static_cast<std::uint64_t>(context_.getTypeSizeInChars(type).getQuantity());
    if (bytes < kBig) return true;
    const clang::SourceManager& sources = context_.getSourceManager();
    const clang::PresumedLoc place =
        sources.getPresumedLoc(sources.getFileLoc(variable->getLocation()));
    const clang::PresumedLoc function =
        sources.getPresumedLoc(sources.getFileLoc(function_.getLocation()));
    if (place.isInvalid() || function.isInvalid()) return true;
    found_.push_back({.name = variable->getNameAsString(),
                      .function = function_.getNameAsString(),
                      .function_line = static_cast<int>(function.getLine()),
                      .bytes = bytes,
                      .location = {.file = place.getFilename(),
                                   .line = static_cast<int>(place.getLine()),
                                   .column = static_cast<int>(place.getColumn())}});
    return true;
  }

  std::vector<LocalVariable> take() { return std::move(found_); }

 private:
  clang::ASTContext& context_;
  const clang::FunctionDecl& function_;
  std::vector<LocalVariable> found_;
};

}  // namespace

std::vector<LocalVariable> big_local_variables(clang::ASTContext& context) {
  std::vector<LocalVariable> found;
  for (clang::Decl* declaration : context.getTranslationUnitDecl()->decls()) {
    auto* function = llvm::dyn_cast<clang::FunctionDecl>(declaration);
    if (!function || !function->doesThisDeclarationHaveABody()) continue;
    if (context.getSourceManager().isInSystemHeader(function->getLocation())) continue;
    Collector collector(context, *function);
    collector.TraverseStmt(function->getBody());
    for (LocalVariable& variable : collector.take()) found.push_back(std::move(variable));
  }
  return found;
}

}  // namespace ebl::compile
