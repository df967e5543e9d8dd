// The variables on the stack of the text's functions, for an error about too much of it.
#pragma once

#include <clang/AST/ASTContext.h>

#include <vector>

#include "compile/clang/back_end_messages.h"

namespace ebl::compile {

/// Those of at least 64 bytes.
std::vector<LocalVariable> big_local_variables(clang::ASTContext& context);

}  // namespace ebl::compile
