// KernelSource: answers the names that a text uses and does not define, from the kernel's
// BTF.
//
// What clang needs for that, each point found by a failure: the source must be set on the
// ASTContext and on the CompilerInstance; a tag is answered even for a redeclaration
// (helper headers forward-declare `struct task_struct`), an ordinary name never; a walk
// over a shell must leave hasExternalLexicalStorage set, or the record is never
// completed.
#pragma once

#include <clang/Sema/ExternalSemaSource.h>
#include <llvm/ADT/StringMap.h>
#include <llvm/ADT/StringSet.h>

#include <memory>
#include <vector>

#include "compile/clang/btf_types.h"
#include "compile/clang/name_scan.h"

namespace ebl::compile {

class KernelSource : public clang::ExternalSemaSource {
 public:
  /// Both must outlive the source.
  KernelSource(KernelBtf& kernel, const Tags& own_tags)
      : kernel_(kernel), own_tags_(own_tags) {}

  /// To be called before anything is parsed.
  void start(clang::ASTContext& context) { context_ = &context; }

  /// Names that were looked for and are nowhere: with no BTF, these explain an error.
  const llvm::StringSet<>& missing() const { return missing_; }

  /// Whether the text has given a body to a type that was taken from BTF before: its tag
  /// was missing among own_tags, and what has been made since is wrong.
  bool text_redefines_a_type() const;

  /// Completes the records that a declaration points to where their BTF is read, and the
  /// text may not need their fields: of what is declared __ksym (libbpf compares its
  /// prototype with the kernel's), of a global function (the verifier checks what it is
  /// called with), and of a map (its keys and values).
  void complete_for_btf(const clang::Decl& declaration);

  void InitializeSema(clang::Sema& sema) override { sema_ = &sema; }
  clang::Sema* sema() const { return sema_; }
  void ForgetSema() override { sema_ = nullptr; }
  bool LookupUnqualified(clang::LookupResult& result, clang::Scope* scope) override;
  void CompleteType(clang::TagDecl* tag) override;
  using clang::ExternalSemaSource::CompleteType;
  void FindExternalLexicalDecls(const clang::DeclContext* context,
                                llvm::function_ref<bool(clang::Decl::Kind)> wanted,
                                llvm::SmallVectorImpl<clang::Decl*>& found) override;
  bool layoutRecordType(
      const clang::RecordDecl* record, std::uint64_t& size, std::uint64_t& alignment,
      llvm::DenseMap<const clang::FieldDecl*, std::uint64_t>& field_offsets,
      llvm::DenseMap<const clang::CXXRecordDecl*, clang::CharUnits>& base_offsets,
      llvm::DenseMap<const clang::CXXRecordDecl*, clang::CharUnits>& virtual_base_offsets)
      override;

 private:
  BtfTypes& types(std::size_t unit);
  BtfTypes* owner(const clang::TagDecl* tag) const;
  clang::NamedDecl* tag(std::string_view name);
  clang::NamedDecl* type_name(std::string_view name);
  clang::NamedDecl* value_name(std::string_view name);
  void complete_target(clang::QualType pointer);
  void complete_targets(const clang::FunctionDecl& function);
  clang::NamedDecl* make_kfunc(std::string_view name, const UnitName& found);
  clang::NamedDecl* make_constant(std::string_view name);

  KernelBtf& kernel_;
  const Tags& own_tags_;
  clang::ASTContext* context_ = nullptr;
  clang::Sema* sema_ = nullptr;
  std::vector<std::unique_ptr<BtfTypes>> types_;
  llvm::StringMap<clang::NamedDecl*> made_;  // constants, predefined types and kfuncs
  llvm::StringSet<> missing_;
};

}  // namespace ebl::compile
