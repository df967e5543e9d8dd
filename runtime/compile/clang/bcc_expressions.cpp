#include "compile/clang/bcc_expressions.h"

#include <clang/AST/Attr.h>
#include <clang/AST/RecordLayout.h>
#include <clang/AST/Stmt.h>
#include <clang/Sema/Lookup.h>

namespace ebl::compile {
namespace {

using clang::CallExpr;
using clang::Expr;
using clang::FieldDecl;
using clang::MemberExpr;
using clang::QualType;
using clang::SourceLocation;
using clang::Stmt;

bool is_packet(const clang::RecordDecl* record) {
  for (const auto* annotation : record->specific_attrs<clang::AnnotateAttr>())
    if (annotation->getAnnotation() == "ebl:packet") return true;
  return false;
}

llvm::StringRef callee_of(const CallExpr* call) {
  const clang::FunctionDecl* callee = call->getDirectCallee();
  return callee && callee->getIdentifier() ? callee->getName() : llvm::StringRef();
}

}  // namespace

/// Where a field of a packet lies: `bits` bits from `bit` on behind the offset `base`,
/// and `index` elements of `bits` further where it is an array's element.
struct BccExpressions::PacketField {
  Expr* base = nullptr;
  Expr* index = nullptr;
  std::uint64_t bit = 0;
  std::uint64_t bits = 0;
  QualType type;
  SourceLocation place;
};

void BccExpressions::rewrite(clang::FunctionDecl* function) {
  function_ = function;
  Stmt* body = function->getBody();
  visit(body);
}

void BccExpressions::visit(Stmt*& statement) {
  if (!statement) return;
  if (Expr* made = replacement(statement)) {
    statement = made;
    return;
  }
  for (Stmt*& child : statement->children()) visit(child);
  if (auto* call = llvm::dyn_cast<CallExpr>(statement))
    if (Expr* made = call_replacement(call)) statement = made;
}

/// What an access of a packet becomes, its parts visited; null for anything else.
Expr* BccExpressions::replacement(Stmt* statement) {
  if (auto* load = llvm::dyn_cast<clang::ImplicitCastExpr>(statement)) {
    if (load->getCastKind() != clang::CK_LValueToRValue) return nullptr;
    const auto field = packet_field(load->getSubExpr());
    return field ? read(*field) : nullptr;
  }
  if (auto* compound = llvm::dyn_cast<clang::CompoundAssignOperator>(statement))
    return change(
        compound->getLHS(),
        clang::BinaryOperator::getOpForCompoundAssignment(compound->getOpcode()),
        compound->getRHS(), compound->getOperatorLoc());
  if (auto* assignment = llvm::dyn_cast<clang::BinaryOperator>(statement)) {
    if (assignment->getOpcode() != clang::BO_Assign) return nullptr;
    const auto field = packet_field(assignment->getLHS());
    if (!field) return nullptr;
    Stmt* value = assignment->getRHS();
    visit(value);
    return write(*field, llvm::cast<Expr>(value));
  }
  auto* unary = llvm::dyn_cast<clang::UnaryOperator>(statement);
  return unary && unary->isIncrementDecrementOp() ? step(unary) : nullptr;
}

std::optional<BccExpressions::PacketField> BccExpressions::packet_field(Expr* lvalue) {
  clang::ASTContext& context = sema_.getASTContext();
  lvalue = lvalue->IgnoreParens();
  PacketField out{.type = lvalue->getType().getUnqualifiedType(),
                  .place = lvalue->getExprLoc()};
  if (auto* element = llvm::dyn_cast<clang::ArraySubscriptExpr>(lvalue)) {
    out.index = element->getIdx();
    lvalue = element->getBase()->IgnoreParenImpCasts();
  }
  auto* member = llvm::dyn_cast<MemberExpr>(lvalue);
  const clang::RecordDecl* record = nullptr;
  for (bool is_last = true; member; is_last = false) {
    const auto* field = llvm::dyn_cast<FieldDecl>(member->getMemberDecl());
    if (!field) return std::nullopt;
    record = field->getParent();
    out.bit += context.getFieldOffset(field);
    if (is_last)
      out.bits = field->isBitField() ? field->getBitWidthValue(context)
                                     : context.getTypeSize(out.type);
    out.base = member->getBase();
    if (member->isArrow()) break;
    member = llvm::dyn_cast<MemberExpr>(member->getBase()->IgnoreParens());
  }
  if (!member || !record || !is_packet(record)) return std::nullopt;
  if (!out.type->isIntegralOrEnumerationType() || out.bit % 8 + out.bits > 64) {
    error(out.place,
          "a field of a packet is read and written as a number of up to 64 bits");
    return std::nullopt;
  }
  Stmt* base = out.base;
  visit(base);
  out.base = llvm::cast<Expr>(base);
  Stmt* index = out.index;
  visit(index);
  out.index = llvm::cast_or_null<Expr>(index);
  return out;
}

Expr* BccExpressions::first_parameter(SourceLocation place) {
  if (function_->param_empty()) {
    error(place, "the function must have the packet as its first parameter");
    return number(0, place);
  }
  clang::ParmVarDecl* parameter = function_->getParamDecl(0);
  parameter->setIsUsed();
  return sema_.BuildDeclRefExpr(parameter, parameter->getType(), clang::VK_LValue, place);
}

Expr* BccExpressions::number(std::uint64_t value, SourceLocation place) {
  clang::ASTContext& context = sema_.getASTContext();
  return clang::IntegerLiteral::Create(context, llvm::APInt(64, value),
                                       context.UnsignedLongLongTy, place);
}

Expr* BccExpressions::cast(QualType type, Expr* value) {
  clang::ASTContext& context = sema_.getASTContext();
  const SourceLocation place = value->getExprLoc();
  const clang::ExprResult made = sema_.BuildCStyleCastExpr(
      place, context.getTrivialTypeSourceInfo(type, place), place, value);
  return made.isUsable() ? made.get() : value;
}

/// Calls a function of bcc_helpers.h, or one of the text.
Expr* BccExpressions::call(llvm::StringRef function, llvm::ArrayRef<Expr*> arguments,
                           SourceLocation place) {
  clang::ASTContext& context = sema_.getASTContext();
  auto* callee = llvm::dyn_cast_or_null<clang::FunctionDecl>(
      sema_.LookupSingleName(sema_.TUScope, &context.Idents.get(function), place,
                             clang::Sema::LookupOrdinaryName));
  if (!callee) return nullptr;
  callee->setIsUsed();
  Expr* name = sema_.BuildDeclRefExpr(callee, callee->getType(), clang::VK_LValue, place);
  llvm::SmallVector<Expr*, 8> given(arguments);
  const clang::ExprResult made = sema_.ActOnCallExpr(nullptr, name, place, given, place);
  return made.isUsable() ? made.get() : nullptr;
}

Expr* BccExpressions::read(const PacketField& field) {
  return write(field, nullptr);
}

/// With no `value`, reads.
Expr* BccExpressions::write(const PacketField& field, Expr* value) {
  clang::ASTContext& context = sema_.getASTContext();
  const SourceLocation place = field.place;
  const QualType word = context.UnsignedLongLongTy;
  const auto add = [&](Expr* left, clang::BinaryOperatorKind operation, Expr* right) {
    return sema_.BuildBinOp(nullptr, place, operation, left, right).get();
  };
  Expr* offset = add(cast(word, field.base), clang::BO_Add, number(field.bit / 8, place));
  if (field.index) {
    Expr* far =
        add(cast(word, field.index), clang::BO_Mul, number(field.bits / 8, place));
    offset = add(offset, clang::BO_Add, far);
  }
  llvm::SmallVector<Expr*, 5> arguments = {first_parameter(place), offset,
                                           number(field.bit % 8, place),
                                           number(field.bits, place)};
  if (value) arguments.push_back(cast(word, value));
  Expr* made = call(value ? "bpf_dins_pkt" : "bpf_dext_pkt", arguments, place);
  return made ? cast(field.type, made) : nullptr;
}

Expr* BccExpressions::change(Expr* lvalue, clang::BinaryOperatorKind operation, Expr* by,
                             SourceLocation place) {
  const auto field = packet_field(lvalue);
  if (!field) return nullptr;
  Stmt* operand = by;
  visit(operand);
  const clang::ExprResult result = sema_.BuildBinOp(
      nullptr, place, operation, read(*field), llvm::cast<Expr>(operand));
  return result.isUsable() ? write(*field, result.get()) : nullptr;
}

Expr* BccExpressions::step(clang::UnaryOperator* unary) {
  const SourceLocation place = unary->getOperatorLoc();
  const QualType type = unary->getSubExpr()->getType().getUnqualifiedType();
  const auto one = [&] { return number(1, place); };
  Expr* after =
      change(unary->getSubExpr(), unary->isIncrementOp() ? clang::BO_Add : clang::BO_Sub,
             one(), place);
  if (!after || unary->isPrefix()) return after;
  const clang::ExprResult before = sema_.BuildBinOp(
      nullptr, place, unary->isIncrementOp() ? clang::BO_Sub : clang::BO_Add, after,
      one());
  return before.isUsable() ? cast(type, before.get()) : after;
}

Expr* BccExpressions::call_replacement(CallExpr* call) {
  const llvm::StringRef callee = callee_of(call);
  if (callee == "__ebl_first_parameter")
    return cast(call->getType(), first_parameter(call->getExprLoc()));
  return callee == "__ebl_usdt_argument" ? usdt_reader(call) : nullptr;
}

Expr* BccExpressions::usdt_reader(CallExpr* read) {
  clang::ASTContext& context = sema_.getASTContext();
  const SourceLocation place = read->getExprLoc();
  const auto n = read->getArg(0)->getIntegerConstantExpr(context);
  if (!n) {
    error(place, "the number of a static probe's argument must be a constant");
    return nullptr;
  }
  const std::string function = function_->getNameAsString();
  const std::string reader =
      "_bpf_readarg_" + function + "_" + std::to_string(n->getZExtValue());
  Expr* made = call(reader, {read->getArg(1), read->getArg(2), read->getArg(3)}, place);
  if (!made)
    error(place, "'" + function +
                     "' is enabled for no static probe that has such an argument (there "
                     "is no " +
                     reader + ")");
  return made;
}

void BccExpressions::error(SourceLocation place, llvm::StringRef message) {
  clang::DiagnosticsEngine& diagnostics = sema_.getDiagnostics();
  diagnostics.Report(place,
                     diagnostics.getCustomDiagID(clang::DiagnosticsEngine::Error, "%0"))
      << message;
}

}  // namespace ebl::compile
