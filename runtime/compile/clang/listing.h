// What --dump shows of a compile beside its object: the optimised IR comes from the
// pipeline, the rest is read back from the object file.
#pragma once

#include <llvm/ADT/StringRef.h>

#include <string>

#include "compile/clang/kernel_btf.h"

namespace ebl::compile {

/// The instructions of each section, under the C lines that they come from. Calls and
/// loads that are relocated name their symbol. One line of text where `object` is no BPF
/// object.
std::string disassembly(llvm::StringRef object);

/// One line for each CO-RE relocation: the instruction, the field or type, its offset in
/// the text's own types and in this kernel's, the C line.
std::string relocations(llvm::StringRef object, KernelBtf& kernel);

}  // namespace ebl::compile
