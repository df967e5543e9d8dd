#include "compile/clang/retained_variables.h"

#include <clang/AST/Attr.h>
#include <clang/AST/DeclGroup.h>
#include <clang/AST/Expr.h>

namespace ebl::compile {

clang::VarDecl* RetainedVariables::declare(const std::string& name, clang::QualType type,
                                           const char* section,
                                           clang::StorageClass storage) {
  clang::TranslationUnitDecl* unit = context_.getTranslationUnitDecl();
  auto* variable = clang::VarDecl::Create(
      context_, unit, clang::SourceLocation(), clang::SourceLocation(),
      &context_.Idents.get(name), type, context_.getTrivialTypeSourceInfo(type), storage);
  variable->addAttr(clang::SectionAttr::CreateImplicit(context_, section));
  variable->addAttr(clang::UsedAttr::CreateImplicit(context_));
  unit->addDecl(variable);
  return variable;
}

void RetainedVariables::add_type(const std::string& name, clang::QualType pointee) {
  clang::VarDecl* variable =
      declare(name, context_.getPointerType(pointee), kTypeSection, clang::SC_Static);
  code_.HandleTopLevelDecl(clang::DeclGroupRef(variable));
  code_.CompleteTentativeDefinition(variable);
}

void RetainedVariables::add_text(const std::string& name, const char* section,
                                 llvm::StringRef text) {
  const clang::QualType type = context_.getStringLiteralArrayType(
      context_.CharTy, static_cast<unsigned>(text.size()));
  clang::VarDecl* variable = declare(name, type, section, clang::SC_None);
  variable->setInit(clang::StringLiteral::Create(context_, text,
                                                 clang::StringLiteralKind::Ordinary,
                                                 false, type, clang::SourceLocation()));
  code_.HandleTopLevelDecl(clang::DeclGroupRef(variable));
}

}  // namespace ebl::compile
