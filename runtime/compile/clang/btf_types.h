// BtfTypes: clang types made from the types of one BTF, when they are asked for.
//
// A record is first a shell without fields; complete() gives it fields at BTF's own
// offsets, and preserve_access_index, so that each access becomes a CO-RE relocation.
// What a pointer points to stays a shell until the text looks into it.
//
// The attribute is set in complete(), never on the shell: clang hands a shell's
// attributes to a later declaration of that name, and a user's own `struct sock { int
// mine; }` would then get relocations that libbpf refuses.
#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/Decl.h>
#include <llvm/ADT/DenseMap.h>

#include "compile/clang/kernel_btf.h"

namespace ebl::compile {

class BtfTypes {
 public:
  /// `base` makes the types of the BTF that `unit` continues; null for the kernel's own.
  /// All must outlive the BtfTypes.
  BtfTypes(clang::ASTContext& context, const BtfUnit& unit, BtfTypes* base)
      : context_(context), unit_(unit), btf_(unit.btf), base_(base) {}
  BtfTypes(const BtfTypes&) = delete;

  clang::QualType type(btf::TypeId id);
  clang::EnumConstantDecl* enumerator(const NamedType& named);
  /// The function as an external symbol in .ksyms.
  clang::FunctionDecl* kfunc(btf::TypeId id);

  /// Whether complete() and layout() know this record.
  bool owns(const clang::TagDecl* tag) const { return find(tag) != nullptr; }
  void complete(clang::RecordDecl* record);

  struct Layout {
    std::uint64_t size_bits = 0;
    std::uint64_t align_bits = 8;
  };
  /// Size and alignment; fills the offset of each field, in bits. REQUIRES: owns(record).
  Layout layout(const clang::RecordDecl* record,
                llvm::DenseMap<const clang::FieldDecl*, std::uint64_t>& offsets);

 private:
  const btf::TypeId* find(const clang::TagDecl* tag) const;
  clang::IdentifierInfo* identifier(std::string_view name);
  clang::QualType make(btf::TypeId id);
  clang::QualType make_integer(btf::TypeId id);
  clang::QualType make_prototype(btf::TypeId id);
  clang::QualType make_typedef(btf::TypeId id);
  clang::QualType make_record(btf::TypeId id, clang::TagTypeKind kind, bool has_fields);
  clang::QualType make_forward(btf::TypeId id);
  clang::QualType make_enumeration(btf::TypeId id);
  clang::FieldDecl* make_field(clang::RecordDecl* record, const btf::Member& member);
  void inject(clang::RecordDecl* record, llvm::SmallVectorImpl<clang::NamedDecl*>& chain,
              const clang::RecordDecl* inner);

  clang::ASTContext& context_;
  const BtfUnit& unit_;
  const btf::Btf& btf_;
  BtfTypes* base_;
  llvm::DenseMap<btf::TypeId, clang::QualType> made_;
  llvm::DenseMap<const clang::TagDecl*, btf::TypeId> records_;
};

}  // namespace ebl::compile
