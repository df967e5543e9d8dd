// Expressions of BCC C that mean something else than in C, in the AST:
//
//   ip->src           through a pointer to a struct of <bcc/proto.h>: the pointer is an
//   ip->src = x;      offset into the packet, so bpf_dext_pkt() and bpf_dins_pkt()
//   bpf_usdt_readarg  a reader whose name has the enclosing function's in it
//   incr_cksum_l3     a call with the enclosing function's first parameter
//
// The packet is the function's first parameter. A field's address stays an offset. What
// is done here works in macros and static functions too; docs/decisions tells why not by
// another text.
#pragma once

#include <clang/AST/Decl.h>
#include <clang/AST/Expr.h>
#include <clang/Sema/Sema.h>

#include <optional>

namespace ebl::compile {

class BccExpressions {
 public:
  explicit BccExpressions(clang::Sema& sema) : sema_(sema) {}

  /// Rewrites the body of `function`, a definition that code has not been generated from.
  void rewrite(clang::FunctionDecl* function);

 private:
  struct PacketField;
  void visit(clang::Stmt*& statement);
  clang::Expr* replacement(clang::Stmt* statement);
  std::optional<PacketField> packet_field(clang::Expr* lvalue);
  clang::Expr* read(const PacketField& field);
  clang::Expr* write(const PacketField& field, clang::Expr* value);
  clang::Expr* change(clang::Expr* lvalue, clang::BinaryOperatorKind operation,
                      clang::Expr* by, clang::SourceLocation place);
  clang::Expr* step(clang::UnaryOperator* unary);
  clang::Expr* call_replacement(clang::CallExpr* call);
  clang::Expr* usdt_reader(clang::CallExpr* call);
  clang::Expr* first_parameter(clang::SourceLocation place);

  clang::Expr* call(llvm::StringRef function, llvm::ArrayRef<clang::Expr*> arguments,
                    clang::SourceLocation place);
  clang::Expr* number(std::uint64_t value, clang::SourceLocation place);
  clang::Expr* cast(clang::QualType type, clang::Expr* value);
  void error(clang::SourceLocation place, llvm::StringRef message);

  clang::Sema& sema_;
  clang::FunctionDecl* function_ = nullptr;
};

}  // namespace ebl::compile
