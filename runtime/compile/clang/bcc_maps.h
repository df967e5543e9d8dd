// What the map macros of BCC C cannot say in C: maps in maps, which are named by text,
// and types that do not exist.
#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/Decl.h>

namespace ebl::compile {

/// Completes a variable that bcc_maps.h declares for a map, told by its tag
/// "ebl:TYPE[;what]"; any other variable is left alone. A map of maps gets the member
/// that libbpf finds the inner map's definition in. Only the tags that the loader looks
/// for stay: "ebl:pin=PATH", "ebl:public", "ebl:shared" and "ebl:extern". An error is
/// reported through the context's diagnostics.
void complete_bcc_map(clang::ASTContext& context, clang::VarDecl* variable);

}  // namespace ebl::compile
