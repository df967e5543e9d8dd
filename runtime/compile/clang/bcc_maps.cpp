#include "compile/clang/bcc_maps.h"

#include <clang/AST/Attr.h>
#include <clang/Basic/SourceManager.h>

namespace ebl::compile {
namespace {

using clang::ASTContext;
using clang::FieldDecl;
using clang::QualType;
using clang::RecordDecl;
using clang::SourceLocation;
using clang::VarDecl;

constexpr llvm::StringRef kTag = "ebl:";
constexpr llvm::StringRef kVariable = "__ebl_map_";

template <unsigned N>
clang::DiagnosticBuilder error(ASTContext& context, const VarDecl* variable,
                               const char (&format)[N]) {
  clang::DiagnosticsEngine& diagnostics = context.getDiagnostics();
  const SourceLocation place =
      context.getSourceManager().getExpansionLoc(variable->getLocation());
  return diagnostics.Report(
      place, diagnostics.getCustomDiagID(clang::DiagnosticsEngine::Error, format));
}

VarDecl* map_named(ASTContext& context, llvm::StringRef name) {
  auto& identifier = context.Idents.get((kVariable + name).str());
  for (clang::NamedDecl* found : context.getTranslationUnitDecl()->lookup(&identifier))
    if (auto* variable = llvm::dyn_cast<VarDecl>(found)) return variable;
  return nullptr;
}

void add_field(ASTContext& context, RecordDecl* record, clang::IdentifierInfo* name,
               QualType type) {
  auto* field = FieldDecl::Create(context, record, SourceLocation(), SourceLocation(),
                                  name, type, context.getTrivialTypeSourceInfo(type),
                                  nullptr, false, clang::ICIS_NoInit);
  field->setAccess(clang::AS_public);
  record->addDecl(field);
}

/// The definition `of` with a last member `struct INNER *values[]`.
QualType with_values(ASTContext& context, const RecordDecl* of, QualType inner) {
  auto* record = RecordDecl::Create(context, clang::TagTypeKind::Struct,
                                    context.getTranslationUnitDecl(), SourceLocation(),
                                    SourceLocation(), nullptr);
  record->startDefinition();
  for (const FieldDecl* field : of->fields())
    add_field(context, record, field->getIdentifier(), field->getType());
  add_field(context, record, &context.Idents.get("values"),
            context.getIncompleteArrayType(context.getPointerType(inner),
                                           clang::ArraySizeModifier::Normal, 0));
  record->completeDefinition();
  return context.getRecordType(record);
}

void add_inner(ASTContext& context, VarDecl* variable, llvm::StringRef inner) {
  const VarDecl* map = map_named(context, inner);
  const RecordDecl* definition = variable->getType()->getAsRecordDecl();
  if (!map || !definition || !map->getType()->isRecordType()) {
    error(context, variable, "there is no map '%0' above to be held by '%1'")
        << inner << variable->getName().substr(kVariable.size());
    return;
  }
  const QualType type = with_values(context, definition, map->getType());
  variable->setType(type);
  variable->setTypeSourceInfo(context.getTrivialTypeSourceInfo(type));
}

/// The number of the map's type: the bound of the array that its first member points to.
std::uint64_t type_number(const VarDecl* variable) {
  const RecordDecl* record = variable->getType()->getAsRecordDecl();
  if (!record || record->field_empty()) return 0;
  const QualType array = record->field_begin()->getType()->getPointeeType();
  const auto* constant =
      array.isNull()
          ? nullptr
          : llvm::dyn_cast<clang::ConstantArrayType>(array->getAsArrayTypeUnsafe());
  return constant ? constant->getSize().getZExtValue() : 0;
}

}  // namespace

void complete_bcc_map(ASTContext& context, VarDecl* variable) {
  const auto* attribute = variable->getAttr<clang::BTFDeclTagAttr>();
  llvm::StringRef text = attribute ? attribute->getBTFDeclTag() : llvm::StringRef();
  if (!text.consume_front(kTag) || !variable->getName().starts_with(kVariable)) return;
  const std::string tag = text.str();
  variable->dropAttr<clang::BTFDeclTagAttr>();
  const auto [type, rest] = llvm::StringRef(tag).split(';');
  const bool is_extern = type == "extern";
  const std::string kept = is_extern ? "extern" : rest.str();
  if (!kept.empty())
    variable->addAttr(clang::BTFDeclTagAttr::CreateImplicit(context, kTag.str() + kept));
  const auto [outer, inner] = type.split('$');
  if (!inner.empty()) add_inner(context, variable, inner);
  if (type_number(variable) == 0)
    error(context, variable, "there is no type of map '%0'") << outer;
}

}  // namespace ebl::compile
