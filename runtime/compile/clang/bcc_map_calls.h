// The methods of a BCC map in the AST: counts.lookup(&k), events.perf_submit(...).
//
// bpf_templates/bcc_maps.h declares for each map a constant struct of pointers to inline
// functions, so C itself understands `name.method(...)`, by a pointer and in a macro too.
// Four things C cannot say are done here, on each function before code is generated from
// it:
//   - a method of a named map calls its function directly (nothing is left to fold);
//   - increment(k) adds 1: a call of two lengths;
//   - lookup_or_init(k, v) returns 0 from the function that it is written in when the map
//     is full;
//   - the type of the record that perf_submit and the ring buffer's methods are given is
//     kept: it is void* for the helper.
#pragma once

#include <clang/AST/Decl.h>
#include <clang/AST/Expr.h>
#include <clang/Sema/Sema.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ebl::compile {

class BccMapCalls {
 public:
  /// Rewrites the body of `function`, a definition.
  void rewrite(clang::Sema& sema, clang::FunctionDecl* function);

  /// Map name and record type of the event maps that the functions so far write to.
  std::vector<std::pair<std::string, clang::QualType>> record_types() const;

 private:
  struct Method;
  void visit(clang::Stmt*& statement);
  clang::Expr* call(clang::CallExpr* call);
  clang::Expr* add_or_one(clang::CallExpr* call, const Method& method);
  clang::Expr* or_return(clang::CallExpr* call);
  void note(const Method& method, clang::QualType type);

  clang::Sema* sema_ = nullptr;
  clang::FunctionDecl* function_ = nullptr;
  std::map<std::string, clang::QualType> records_;  // null: two calls disagree
};

}  // namespace ebl::compile
