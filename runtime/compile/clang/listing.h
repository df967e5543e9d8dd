// What --dump shows of a compile beside its object: the optimised IR comes from the
// pipeline, the rest is read back from the object file.
#pragma once

#include <llvm/ADT/StringRef.h>

#include <string>

#include "compile/clang/instruction_printer.h"
#include "compile/clang/kernel_btf.h"

namespace ebl::compile {

/// The instructions of each section, under the C lines that they come from. Calls and
/// loads that are relocated name their symbol. One line of text where `object` is no BPF
/// object.
std::string disassembly(llvm::StringRef object);

/// One line for each CO-RE relocation: the instruction, the field or type, its offset in
/// the text's own types and in this kernel's, the C line.
std::string relocations(llvm::StringRef object, KernelBtf& kernel);

/// One line for each instruction of bare code that lies at `address`: its offset in
/// bytes, a space, its text. Targets of branches are addresses.
std::string instructions(llvm::StringRef code, std::uint64_t address,
                         const InstructionPrinter::Machine& machine);

}  // namespace ebl::compile
