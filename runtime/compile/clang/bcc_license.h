// The licence of a BCC text: what it #defines as BPF_LICENSE, GPL by default.
#pragma once

#include <clang/Lex/Preprocessor.h>

#include <string>

namespace ebl::compile {

/// The macro's words, as `#define BPF_LICENSE Dual BSD/GPL` has them. One that comes from
/// the compiler's flags is an error, reported through the preprocessor's diagnostics.
std::string bcc_license(clang::Preprocessor& preprocessor);

}  // namespace ebl::compile
