#include "compile/clang/record_types.h"

#include <clang/AST/Attr.h>
#include <clang/AST/RecursiveASTVisitor.h>
#include <clang/Basic/SourceManager.h>
#include <llvm/ADT/MapVector.h>
#include <llvm/ADT/StringSet.h>

namespace ebl::compile {
namespace {

using clang::QualType;
using Named = std::vector<std::pair<std::string, QualType>>;

/// The map in `&map`; null where the argument is anything else.
const clang::VarDecl* map_of(const clang::Expr* argument) {
  const auto* address =
      llvm::dyn_cast<clang::UnaryOperator>(argument->IgnoreParenCasts());
  if (!address || address->getOpcode() != clang::UO_AddrOf) return nullptr;
  const auto* reference =
      llvm::dyn_cast<clang::DeclRefExpr>(address->getSubExpr()->IgnoreParenCasts());
  return reference ? llvm::dyn_cast<clang::VarDecl>(reference->getDecl()) : nullptr;
}

/// What the record pointer `argument` points to, before it became void*.
QualType pointee_of(const clang::Expr* argument) {
  const QualType type = argument->IgnoreParenImpCasts()->getType();
  if (type->isArrayType()) return type;
  return type->isPointerType() ? type->getPointeeType() : QualType();
}

llvm::StringRef callee_of(const clang::CallExpr* call) {
  const auto* callee = llvm::dyn_cast_or_null<clang::NamedDecl>(call->getCalleeDecl());
  return callee && callee->getIdentifier() ? callee->getName() : llvm::StringRef();
}

class CallVisitor : public clang::RecursiveASTVisitor<CallVisitor> {
 public:
  bool VisitCallExpr(const clang::CallExpr* call) {
    const llvm::StringRef callee = callee_of(call);
    if (callee == "bpf_ringbuf_output" && call->getNumArgs() == 4)
      note(map_of(call->getArg(0)), pointee_of(call->getArg(1)));
    if (callee == "bpf_perf_event_output" && call->getNumArgs() == 5)
      note(map_of(call->getArg(1)), pointee_of(call->getArg(3)));
    return true;
  }

  bool VisitCastExpr(const clang::CastExpr* cast) {
    const auto* call =
        llvm::dyn_cast<clang::CallExpr>(cast->getSubExpr()->IgnoreParens());
    if (call && callee_of(call) == "bpf_ringbuf_reserve" && call->getNumArgs() == 3 &&
        cast->getType()->isPointerType())
      note(map_of(call->getArg(0)), cast->getType()->getPointeeType());
    return true;
  }

  Named found() const {
    Named out;
    for (const auto& [map, type] : types_)
      if (!type.isNull()) out.emplace_back(map->getNameAsString(), type);
    return out;
  }

 private:
  void note(const clang::VarDecl* map, QualType type) {
    if (!map || type.isNull() || type->isVoidType() || type->isIncompleteType()) return;
    if (type->isCharType()) return;  // a buffer of bytes says nothing about the record
    type = type.getUnqualifiedType();
    const auto [at, is_new] = types_.insert({map, type});
    const bool differs = !is_new && !at->second.isNull() &&
                         at->second.getCanonicalType() != type.getCanonicalType();
    if (differs) at->second = QualType();
  }

  llvm::MapVector<const clang::VarDecl*, QualType> types_;
};

bool is_own(const clang::ASTContext& context, const clang::Decl* declaration) {
  const clang::SourceLocation place = declaration->getLocation();
  return place.isValid() && !context.getSourceManager().isInSystemHeader(place);
}

void collect_own(clang::ASTContext& context, const clang::DeclContext* scope, Named& out,
                 llvm::StringSet<>& seen) {
  for (const clang::Decl* declaration : scope->decls()) {
    const auto* tag = llvm::dyn_cast<clang::TagDecl>(declaration);
    if (!tag || !tag->isThisDeclarationADefinition() || !is_own(context, tag)) continue;
    const clang::TypedefNameDecl* alias = tag->getTypedefNameForAnonDecl();
    const std::string name = alias ? alias->getNameAsString() : tag->getNameAsString();
    if (!name.empty() && seen.insert(name).second)
      out.emplace_back(
          name, alias ? context.getTypeDeclType(alias) : context.getTypeDeclType(tag));
    if (const auto* record = llvm::dyn_cast<clang::RecordDecl>(tag))
      collect_own(context, record, out, seen);
  }
}

}  // namespace

Named record_types(clang::ASTContext& context) {
  CallVisitor visitor;
  for (clang::Decl* declaration : context.getTranslationUnitDecl()->decls()) {
    const auto* function = llvm::dyn_cast<clang::FunctionDecl>(declaration);
    if (function && function->isThisDeclarationADefinition())
      visitor.TraverseDecl(declaration);
  }
  Named found = visitor.found();
  std::erase_if(found, [&](const auto& entry) {
    return has_variable(context, "__ebl_record_" + entry.first);
  });
  return found;
}

Named own_types(clang::ASTContext& context) {
  Named out;
  llvm::StringSet<> seen;
  collect_own(context, context.getTranslationUnitDecl(), out, seen);
  return out;
}

bool has_section(clang::ASTContext& context, llvm::StringRef section) {
  for (const clang::Decl* declaration : context.getTranslationUnitDecl()->decls())
    if (const auto* variable = llvm::dyn_cast<clang::VarDecl>(declaration))
      if (const auto* attribute = variable->getAttr<clang::SectionAttr>();
          attribute && attribute->getName() == section)
        return true;
  return false;
}

bool has_variable(clang::ASTContext& context, llvm::StringRef name) {
  for (const clang::Decl* declaration : context.getTranslationUnitDecl()->decls())
    if (const auto* variable = llvm::dyn_cast<clang::VarDecl>(declaration))
      if (variable->getIdentifier() && variable->getName() == name) return true;
  return false;
}

}  // namespace ebl::compile
