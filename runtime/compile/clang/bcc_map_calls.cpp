#include "compile/clang/bcc_map_calls.h"

#include <clang/AST/Stmt.h>

#include <optional>

namespace ebl::compile {
namespace {

using clang::ASTContext;
using clang::CallExpr;
using clang::Expr;
using clang::FieldDecl;
using clang::MemberExpr;
using clang::QualType;
using clang::SourceLocation;
using clang::Stmt;
using clang::VarDecl;

constexpr llvm::StringRef kTable = "__ebl_table_";

/// What the record pointer `argument` points to, before it became void*.
QualType pointee_of(const Expr* argument) {
  const QualType type = argument->IgnoreParenImpCasts()->getType();
  if (type->isArrayType()) return type;
  return type->isPointerType() ? type->getPointeeType() : QualType();
}

FieldDecl* field_named(const clang::RecordDecl* record, llvm::StringRef name) {
  for (FieldDecl* field : record->fields())
    if (field->getName() == name) return field;
  return nullptr;
}

/// The argument of a method that is a pointer to a record for the reader, or -1.
int record_argument(llvm::StringRef method) {
  if (method == "perf_submit") return 1;
  if (method == "perf_submit_skb") return 2;
  return method == "ringbuf_output" ? 0 : -1;
}

}  // namespace

/// name.method or pointer->method, where that is a map.
struct BccMapCalls::Method {
  MemberExpr* member = nullptr;
  const clang::RecordDecl* table = nullptr;
  const VarDecl* variable = nullptr;  ///< null where it is reached by a pointer

  static std::optional<Method> of(const CallExpr* call) {
    auto* member = llvm::dyn_cast<MemberExpr>(
        const_cast<Expr*>(call->getCallee()->IgnoreParenImpCasts()));
    const auto* field =
        member ? llvm::dyn_cast<FieldDecl>(member->getMemberDecl()) : nullptr;
    if (!field || !field->getParent()->getIdentifier()) return std::nullopt;
    if (!field->getParent()->getName().starts_with(kTable)) return std::nullopt;
    Method method{.member = member, .table = field->getParent()};
    const auto* base =
        llvm::dyn_cast<clang::DeclRefExpr>(member->getBase()->IgnoreParens());
    if (base && !member->isArrow())
      method.variable = llvm::dyn_cast<VarDecl>(base->getDecl());
    return method;
  }

  llvm::StringRef name() const { return member->getMemberDecl()->getName(); }
  std::string map() const { return table->getName().substr(kTable.size()).str(); }

  /// The function behind the member of that name: by itself for a named map, else through
  /// the pointer.
  Expr* function(ASTContext& context, llvm::StringRef name) const {
    FieldDecl* field = field_named(table, name);
    if (variable)
      if (const auto* list =
              llvm::dyn_cast_or_null<clang::InitListExpr>(variable->getInit()))
        return const_cast<Expr*>(list->getInit(field->getFieldIndex()));
    return MemberExpr::Create(context, member->getBase(), member->isArrow(),
                              member->getOperatorLoc(), clang::NestedNameSpecifierLoc(),
                              SourceLocation(), field,
                              clang::DeclAccessPair::make(field, clang::AS_public),
                              member->getMemberNameInfo(), nullptr, field->getType(),
                              clang::VK_LValue, clang::OK_Ordinary, clang::NOUR_None);
  }
};

void BccMapCalls::note(const Method& method, QualType type) {
  if (type.isNull() || type->isVoidType() || type->isIncompleteType()) return;
  if (type->isCharType()) return;  // a buffer of bytes says nothing about the record
  type = type.getUnqualifiedType();
  const auto [at, is_new] = records_.try_emplace(method.map(), type);
  const bool differs = !is_new && !at->second.isNull() &&
                       at->second.getCanonicalType() != type.getCanonicalType();
  if (differs) at->second = QualType();
}

std::vector<std::pair<std::string, QualType>> BccMapCalls::record_types() const {
  std::vector<std::pair<std::string, QualType>> out;
  for (const auto& [map, type] : records_)
    if (!type.isNull()) out.emplace_back(map, type);
  return out;
}

/// increment(k) and increment(k, n): a call of the member that takes both.
Expr* BccMapCalls::add_or_one(CallExpr* call, const Method& method) {
  ASTContext& context = sema_->getASTContext();
  const SourceLocation place = call->getExprLoc();
  const auto* lookup =
      field_named(method.table, "lookup")->getType()->castAs<clang::PointerType>();
  const QualType value = lookup->getPointeeType()
                             ->castAs<clang::FunctionType>()
                             ->getReturnType()
                             ->getPointeeType();
  clang::DiagnosticsEngine& diagnostics = context.getDiagnostics();
  if (!value->isScalarType()) {
    diagnostics.Report(place, diagnostics.getCustomDiagID(
                                  clang::DiagnosticsEngine::Error,
                                  "%0() needs a map of numbers, and '%1' holds %2"))
        << method.name() << method.map() << value;
    return call;
  }
  if (call->getNumArgs() > 2) {
    diagnostics.Report(place,
                       diagnostics.getCustomDiagID(clang::DiagnosticsEngine::Error,
                                                   "%0() takes a key and a number"))
        << method.name();
    return call;
  }
  llvm::SmallVector<Expr*, 2> arguments(call->arguments());
  if (arguments.size() == 1)
    arguments.push_back(
        clang::IntegerLiteral::Create(context, llvm::APInt(32, 1), context.IntTy, place));
  Expr* callee = method.function(context, ("__ebl_" + method.name()).str());
  const clang::ExprResult made =
      sema_->ActOnCallExpr(nullptr, callee, place, arguments, call->getRParenLoc());
  return made.isUsable() ? made.get() : call;
}

/// ({ V *value = call; if (!value) return 0; value; })
Expr* BccMapCalls::or_return(CallExpr* call) {
  ASTContext& context = sema_->getASTContext();
  const SourceLocation place = call->getExprLoc();
  const QualType type = call->getType();
  auto* value = VarDecl::Create(
      context, function_, place, place, &context.Idents.get("value"), type,
      context.getTrivialTypeSourceInfo(type, place), clang::SC_None);
  value->setImplicit();
  value->setInit(call);
  value->setIsUsed();
  const auto read = [&]() -> Expr* {
    auto* reference = clang::DeclRefExpr::Create(context, clang::NestedNameSpecifierLoc(),
                                                 SourceLocation(), value, false, place,
                                                 type, clang::VK_LValue);
    return clang::ImplicitCastExpr::Create(context, type, clang::CK_LValueToRValue,
                                           reference, nullptr, clang::VK_PRValue,
                                           clang::FPOptionsOverride());
  };
  auto* is_null = clang::UnaryOperator::Create(
      context, read(), clang::UO_LNot, context.IntTy, clang::VK_PRValue,
      clang::OK_Ordinary, place, false, clang::FPOptionsOverride());
  const QualType result = function_->getReturnType();
  Expr* zero = result->isVoidType()
                   ? nullptr
                   : new (context)
                         clang::ImplicitValueInitExpr(result.getUnqualifiedType());
  auto* leave = clang::IfStmt::Create(
      context, place, clang::IfStatementKind::Ordinary, nullptr, nullptr, is_null, place,
      place, clang::ReturnStmt::Create(context, place, zero, nullptr));
  auto* declaration =
      new (context) clang::DeclStmt(clang::DeclGroupRef(value), place, place);
  auto* body = clang::CompoundStmt::Create(context, {declaration, leave, read()},
                                           clang::FPOptionsOverride(), place, place);
  return new (context) clang::StmtExpr(body, type, place, place, 0);
}

Expr* BccMapCalls::call(CallExpr* call) {
  const std::optional<Method> method = Method::of(call);
  if (!method) return call;
  const llvm::StringRef name = method->name();
  const int record = record_argument(name);
  if (record >= 0 && static_cast<unsigned>(record) < call->getNumArgs())
    note(*method, pointee_of(call->getArg(static_cast<unsigned>(record))));
  if (name == "increment" || name == "atomic_increment") return add_or_one(call, *method);
  if (method->variable) {
    Expr* function = method->function(sema_->getASTContext(), name);
    if (function->getType()->isPointerType()) call->setCallee(function);
  }
  return name == "lookup_or_init" ? or_return(call) : call;
}

void BccMapCalls::visit(Stmt*& statement) {
  if (!statement) return;
  if (const auto* cast = llvm::dyn_cast<clang::CastExpr>(statement)) {
    const auto* inner = llvm::dyn_cast<CallExpr>(cast->getSubExpr()->IgnoreParens());
    const std::optional<Method> method = inner ? Method::of(inner) : std::nullopt;
    if (method && method->name() == "ringbuf_reserve" && cast->getType()->isPointerType())
      note(*method, cast->getType()->getPointeeType());
  }
  for (Stmt*& child : statement->children()) visit(child);
  if (auto* expression = llvm::dyn_cast<CallExpr>(statement))
    statement = call(expression);
}

void BccMapCalls::rewrite(clang::Sema& sema, clang::FunctionDecl* function) {
  sema_ = &sema;
  function_ = function;
  Stmt* body = function->getBody();
  visit(body);
}

}  // namespace ebl::compile
