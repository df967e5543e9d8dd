#include "compile/clang/btf_types.h"

#include <clang/AST/Attr.h>
#include <clang/AST/Expr.h>

namespace ebl::compile {

using btf::Kind;
using btf::TypeId;
using clang::QualType;
using clang::SourceLocation;

clang::IdentifierInfo* BtfTypes::identifier(std::string_view name) {
  return name.empty() ? nullptr : &context_.Idents.get(name);
}

QualType BtfTypes::type(TypeId id) {
  if (id == 0) return context_.VoidTy;
  if (base_ && id < btf_.first_id()) return base_->type(id);
  if (const auto found = made_.find(id); found != made_.end()) return found->second;
  const QualType made = make(id);
  made_[id] = made;
  return made;
}

QualType BtfTypes::make(TypeId id) {
  switch (btf_.kind(id)) {
    case Kind::integer: return make_integer(id);
    case Kind::floating:
      return btf_.byte_size(id) == 4 ? context_.FloatTy : context_.DoubleTy;
    case Kind::pointer: return context_.getPointerType(type(btf_.target(id)));
    case Kind::const_qualifier: {
      const QualType target = type(btf_.target(id));
      return target->isFunctionType() ? target : context_.getConstType(target);
    }
    case Kind::volatile_qualifier: {
      const QualType target = type(btf_.target(id));
      return target->isFunctionType() ? target : context_.getVolatileType(target);
    }
    case Kind::restrict_qualifier:
    case Kind::type_tag: return type(btf_.target(id));
    case Kind::array: {
      // A flexible array has 0 elements here, like in the kernel's own BTF.
      const btf::Array array = btf_.array(id);
      return context_.getConstantArrayType(type(array.element),
                                           llvm::APInt(64, array.count), nullptr,
                                           clang::ArraySizeModifier::Normal, 0);
    }
    case Kind::function_prototype: return make_prototype(id);
    case Kind::type_definition: return make_typedef(id);
    case Kind::forward: return make_forward(id);
    case Kind::structure: return make_record(id, clang::TagTypeKind::Struct, true);
    case Kind::union_type: return make_record(id, clang::TagTypeKind::Union, true);
    case Kind::enumeration:
    case Kind::enumeration64: return make_enumeration(id);
    default: return context_.IntTy;  // variables, sections and tags are not types
  }
}

QualType BtfTypes::make_integer(TypeId id) {
  const btf::Integer integer = btf_.integer(id);
  const std::string_view name = btf_.name(id);
  if (integer.is_bool) return context_.BoolTy;
  // Same width, different C types: char is neither u8 nor s8, long is not long long.
  if (name == "char") return context_.CharTy;
  if (name == "long unsigned int" || name == "unsigned long")
    return context_.UnsignedLongTy;
  if (name == "long int" || name == "long") return context_.LongTy;
  const bool is_signed = integer.is_signed;
  switch (btf_.byte_size(id)) {
    case 1: return is_signed ? context_.SignedCharTy : context_.UnsignedCharTy;
    case 2: return is_signed ? context_.ShortTy : context_.UnsignedShortTy;
    case 4: return is_signed ? context_.IntTy : context_.UnsignedIntTy;
    case 8: return is_signed ? context_.LongLongTy : context_.UnsignedLongLongTy;
    default: return is_signed ? context_.Int128Ty : context_.UnsignedInt128Ty;
  }
}

QualType BtfTypes::make_prototype(TypeId id) {
  llvm::SmallVector<QualType, 8> parameters;
  clang::FunctionProtoType::ExtProtoInfo info;
  for (std::uint32_t i = 0; i < btf_.count(id); i++) {
    const btf::Parameter parameter = btf_.parameter(id, i);
    if (!parameter.type)
      info.Variadic = true;
    else
      parameters.push_back(type(parameter.type));
  }
  return context_.getFunctionType(type(btf_.target(id)), parameters, info);
}

QualType BtfTypes::make_typedef(TypeId id) {
  const QualType target = type(btf_.target(id));
  auto* declaration = clang::TypedefDecl::Create(
      context_, context_.getTranslationUnitDecl(), SourceLocation(), SourceLocation(),
      identifier(btf_.name(id)), context_.getTrivialTypeSourceInfo(target));
  if (auto* tag = target->getAsTagDecl(); tag && !tag->getIdentifier())
    if (!tag->getTypedefNameForAnonDecl()) tag->setTypedefNameForAnonDecl(declaration);
  return context_.getTypeDeclType(declaration);
}

QualType BtfTypes::make_record(TypeId id, clang::TagTypeKind kind, bool has_fields) {
  auto* record = clang::RecordDecl::Create(
      context_, kind, context_.getTranslationUnitDecl(), SourceLocation(),
      SourceLocation(), identifier(btf_.name(id)));
  if (has_fields) {
    record->setHasExternalLexicalStorage(true);
    records_[record] = id;
  }
  return context_.getRecordType(record);
}

QualType BtfTypes::make_forward(TypeId id) {
  const bool is_union = btf_.kind_flag(id);
  // A module forward-declares what the kernel defines.
  for (BtfTypes* types = this; types; types = types->base_) {
    const auto named = types->unit_.index.find(NameSort::tag, btf_.name(id));
    if (named &&
        types->btf_.kind(named->id) == (is_union ? Kind::union_type : Kind::structure))
      return types->type(named->id);
  }
  return make_record(
      id, is_union ? clang::TagTypeKind::Union : clang::TagTypeKind::Struct, false);
}

QualType BtfTypes::make_enumeration(TypeId id) {
  auto* declaration = clang::EnumDecl::Create(
      context_, context_.getTranslationUnitDecl(), SourceLocation(), SourceLocation(),
      identifier(btf_.name(id)), nullptr, false, false, false);
  const unsigned width = btf_.byte_size(id) * 8;
  bool has_negative = false;
  unsigned positive_bits = 0;
  unsigned negative_bits = 0;
  declaration->startDefinition();
  const bool is_signed = btf_.is_signed_enumeration(id);
  const QualType underlying = context_.getIntTypeForBitwidth(width, is_signed);
  for (std::uint32_t i = 0; i < btf_.count(id); i++) {
    const btf::Enumerator enumerator = btf_.enumerator(id, i);
    llvm::APSInt value(llvm::APInt(64, enumerator.value), !is_signed);
    if (value.isNegative()) {
      has_negative = true;
      negative_bits = std::max(negative_bits, value.getSignificantBits());
    } else {
      positive_bits = std::max(positive_bits, value.getActiveBits());
    }
    // C: an enumerator is an int where its value fits, else it has the enumeration's
    // width.
    const bool fits = value.isSigned() ? value.isSignedIntN(32) : value.isIntN(31);
    const QualType type = fits ? context_.IntTy : underlying;
    value = value.extOrTrunc(static_cast<unsigned>(context_.getTypeSize(type)));
    value.setIsSigned(type->isSignedIntegerType());
    declaration->addDecl(clang::EnumConstantDecl::Create(
        context_, declaration, SourceLocation(), identifier(enumerator.name), type,
        nullptr, value));
  }
  const QualType promoted = width < 32 ? context_.IntTy : underlying;
  declaration->completeDefinition(underlying, promoted, positive_bits,
                                  has_negative ? negative_bits : 0);
  return context_.getTypeDeclType(declaration);
}

clang::EnumConstantDecl* BtfTypes::enumerator(const NamedType& named) {
  auto* declaration = llvm::cast<clang::EnumDecl>(type(named.id)->getAsTagDecl());
  auto at = declaration->enumerator_begin();
  std::advance(at, named.member);
  return *at;
}

clang::FunctionDecl* BtfTypes::kfunc(TypeId id) {
  const TypeId prototype = btf_.target(id);
  const QualType function_type = type(prototype);
  auto* function = clang::FunctionDecl::Create(
      context_, context_.getTranslationUnitDecl(), SourceLocation(), SourceLocation(),
      clang::DeclarationName(identifier(btf_.name(id))), function_type,
      context_.getTrivialTypeSourceInfo(function_type), clang::SC_Extern);
  llvm::SmallVector<clang::ParmVarDecl*, 8> parameters;
  for (std::uint32_t i = 0; i < btf_.count(prototype); i++) {
    const btf::Parameter parameter = btf_.parameter(prototype, i);
    if (!parameter.type) continue;
    const QualType parameter_type = type(parameter.type);
    parameters.push_back(clang::ParmVarDecl::Create(
        context_, function, SourceLocation(), SourceLocation(),
        identifier(parameter.name), parameter_type,
        context_.getTrivialTypeSourceInfo(parameter_type), clang::SC_None, nullptr));
  }
  function->setParams(parameters);
  function->addAttr(clang::SectionAttr::CreateImplicit(context_, ".ksyms"));
  return function;
}

}  // namespace ebl::compile
