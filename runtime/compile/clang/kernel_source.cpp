#include "compile/clang/kernel_source.h"

#include <clang/AST/Attr.h>
#include <clang/Sema/Lookup.h>
#include <clang/Sema/Sema.h>

#include "compile/clang/predefined_names.h"

namespace ebl::compile {

BtfTypes& KernelSource::types(std::size_t unit) {
  if (types_.size() < kernel_.unit_count()) types_.resize(kernel_.unit_count());
  if (!types_[unit]) {
    BtfTypes* base = unit ? &types(0) : nullptr;
    types_[unit] = std::make_unique<BtfTypes>(*context_, kernel_.unit(unit), base);
  }
  return *types_[unit];
}

BtfTypes* KernelSource::owner(const clang::TagDecl* tag) const {
  for (const auto& types : types_)
    if (types && types->owns(tag)) return types.get();
  return nullptr;
}

clang::NamedDecl* KernelSource::tag(std::string_view name) {
  const auto found = kernel_.find(NameSort::tag, name);
  if (!found) return nullptr;
  return types(found->unit).type(found->named.id)->getAsTagDecl();
}

clang::NamedDecl* KernelSource::type_name(std::string_view name) {
  if (const auto found = kernel_.find(NameSort::definition, name))
    return types(found->unit)
        .type(found->named.id)
        ->getAs<clang::TypedefType>()
        ->getDecl();
  const clang::QualType type = predefined_type(*context_, name);
  if (type.isNull()) return nullptr;
  clang::NamedDecl*& made = made_[name];
  if (!made)
    made = clang::TypedefDecl::Create(*context_, context_->getTranslationUnitDecl(),
                                      clang::SourceLocation(), clang::SourceLocation(),
                                      &context_->Idents.get(name),
                                      context_->getTrivialTypeSourceInfo(type));
  return made;
}

clang::NamedDecl* KernelSource::value_name(std::string_view name) {
  if (const auto found = kernel_.find(NameSort::enumerator, name))
    return types(found->unit).enumerator(found->named);
  if (const auto found = kernel_.find(NameSort::kfunc, name))
    return make_kfunc(name, *found);
  return make_constant(name);
}

void KernelSource::complete_target(clang::QualType pointer) {
  const clang::QualType target = pointer->getPointeeType();
  if (target.isNull()) return;
  if (clang::RecordDecl* record = target->getAsRecordDecl()) CompleteType(record);
}

void KernelSource::complete_targets(const clang::FunctionDecl& function) {
  complete_target(function.getReturnType());
  for (const clang::ParmVarDecl* parameter : function.parameters())
    complete_target(parameter->getType());
}

void KernelSource::complete_for_btf(const clang::Decl& declaration) {
  const auto* attribute = declaration.getAttr<clang::SectionAttr>();
  const llvm::StringRef section = attribute ? attribute->getName() : llvm::StringRef();
  if (const auto* function = llvm::dyn_cast<clang::FunctionDecl>(&declaration)) {
    const bool called_by_name = section.empty() && function->isGlobal() &&
                                function->isThisDeclarationADefinition();
    if (section == ".ksyms" || called_by_name) complete_targets(*function);
  }
  const auto* map = llvm::dyn_cast<clang::VarDecl>(&declaration);
  if (!map || section != ".maps") return;
  if (const clang::RecordDecl* definition = map->getType()->getAsRecordDecl())
    for (const clang::FieldDecl* field : definition->fields())
      complete_target(field->getType());
}

clang::NamedDecl* KernelSource::make_kfunc(std::string_view name, const UnitName& found) {
  clang::NamedDecl*& made = made_[name];
  if (made) return made;
  clang::FunctionDecl* function = types(found.unit).kfunc(found.named.id);
  complete_targets(*function);
  // Clang writes debug information of functions that are only declared for those on this
  // list; libbpf needs the BTF of each kfunc.
  if (sema_) sema_->ExternalDeclarations.push_back(function);
  made = function;
  return made;
}

clang::NamedDecl* KernelSource::make_constant(std::string_view name) {
  const auto constant = predefined_constant(name);
  if (!constant) return nullptr;
  clang::NamedDecl*& made = made_[name];
  if (made) return made;
  const llvm::APInt bits(64, constant->value);
  clang::QualType type = constant->is_negative ? context_->LongLongTy
                         : bits.isIntN(32)     ? context_->UnsignedIntTy
                                               : context_->UnsignedLongLongTy;
  if (constant->is_negative ? bits.isSignedIntN(32) : bits.isIntN(31))
    type = context_->IntTy;
  const llvm::APSInt value(bits.trunc(static_cast<unsigned>(context_->getTypeSize(type))),
                           !type->isSignedIntegerType());
  auto* enumeration = clang::EnumDecl::Create(
      *context_, context_->getTranslationUnitDecl(), clang::SourceLocation(),
      clang::SourceLocation(), nullptr, nullptr, false, false, false);
  enumeration->startDefinition();
  auto* enumerator =
      clang::EnumConstantDecl::Create(*context_, enumeration, clang::SourceLocation(),
                                      &context_->Idents.get(name), type, nullptr, value);
  enumeration->addDecl(enumerator);
  enumeration->completeDefinition(type, type, value.getActiveBits(),
                                  value.isNegative() ? value.getSignificantBits() : 0);
  made = enumerator;
  return made;
}

bool KernelSource::LookupUnqualified(clang::LookupResult& result, clang::Scope*) {
  const clang::IdentifierInfo* identifier = result.getLookupName().getAsIdentifierInfo();
  if (!context_ || !identifier) return false;
  const std::string_view name = identifier->getName();
  clang::NamedDecl* found = nullptr;
  if (result.getLookupKind() == clang::Sema::LookupTagName) {
    if (own_tags_.contains(name)) return false;
    found = tag(name);
  } else if (result.getLookupKind() == clang::Sema::LookupOrdinaryName) {
    if (result.isForRedeclaration()) return false;
    found = type_name(name);
    if (!found) found = value_name(name);
  } else {
    return false;
  }
  if (!found) {
    missing_.insert(name);
    return false;
  }
  result.addDecl(found);
  return true;
}

bool KernelSource::text_redefines_a_type() const {
  auto redefines = [this](auto& self, const clang::DeclContext* scope) -> bool {
    for (const clang::Decl* declaration : scope->decls()) {
      const auto* record = llvm::dyn_cast<clang::RecordDecl>(declaration);
      if (!record || !record->isThisDeclarationADefinition()) continue;
      if (record->getLocation().isValid() && owner(record)) return true;
      if (record->getLocation().isValid() && self(self, record)) return true;
    }
    return false;
  };
  return redefines(redefines, context_->getTranslationUnitDecl());
}

void KernelSource::CompleteType(clang::TagDecl* tag) {
  auto* record = llvm::dyn_cast<clang::RecordDecl>(tag->getCanonicalDecl());
  if (!record) return;
  BtfTypes* types = owner(record);
  if (!types || record->isCompleteDefinition()) return;
  types->complete(record);
  // A function that only had a pointer to it may be written already: its debug
  // information, where this record is a declaration, becomes the whole.
  if (sema_ && record->isCompleteDefinition())
    sema_->getASTConsumer().HandleTagDeclDefinition(record);
}

void KernelSource::FindExternalLexicalDecls(const clang::DeclContext* context,
                                            llvm::function_ref<bool(clang::Decl::Kind)>,
                                            llvm::SmallVectorImpl<clang::Decl*>&) {
  const auto* record = llvm::dyn_cast<clang::RecordDecl>(context);
  if (record && !record->isCompleteDefinition() && !record->isBeingDefined() &&
      owner(record))
    record->setHasExternalLexicalStorage(true);
}

bool KernelSource::layoutRecordType(
    const clang::RecordDecl* record, std::uint64_t& size, std::uint64_t& alignment,
    llvm::DenseMap<const clang::FieldDecl*, std::uint64_t>& field_offsets,
    llvm::DenseMap<const clang::CXXRecordDecl*, clang::CharUnits>&,
    llvm::DenseMap<const clang::CXXRecordDecl*, clang::CharUnits>&) {
  BtfTypes* types = owner(record);
  if (!types) return false;
  const BtfTypes::Layout layout = types->layout(record, field_offsets);
  size = layout.size_bits;
  alignment = layout.align_bits;
  return true;
}

}  // namespace ebl::compile
