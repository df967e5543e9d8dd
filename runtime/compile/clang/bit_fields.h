// Bit-fields of kernel types, read where the kernel has them.
//
// `dev->netns_immutable` on a type with preserve_access_index is a load of what clang
// chose as the field's storage, and a shift. The relocation of its address is for
// libbpf's choice, though: the unit that is aligned to the field's type. In a 6.18 kernel
// the two differ for 137 of 1,878 bit-fields; the read would be of other bytes, or the
// verifier refuses it. So the difference is added to the address.
//
// The shift is that of the kernel whose BTF the text was compiled with.
#pragma once

#include <llvm/IR/PassManager.h>

namespace ebl::compile {

/// To run before all passes of the BPF back end, which resolve the accesses.
class BitFieldsPass : public llvm::PassInfoMixin<BitFieldsPass> {
 public:
  static llvm::PreservedAnalyses run(llvm::Module& module, llvm::ModuleAnalysisManager&);
  static bool isRequired() { return true; }
};

}  // namespace ebl::compile
