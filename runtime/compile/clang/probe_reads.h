// ProbeReads: replaces reads of one function by calls of bpf_probe_read.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicInst.h>

namespace ebl::compile {

class ProbeReads {
 public:
  explicit ProbeReads(llvm::Function& function) : function_(function) {}

  void replace(llvm::LoadInst& load);
  void replace(llvm::MemTransferInst& copy);
  /// For memcmp(): gives it a copy of what an operand points to. False where its size is
  /// not a constant, or too large for the stack.
  bool replace_operand(llvm::CallInst& call, unsigned operand);
  static bool is_compare(const llvm::CallInst& call);

  /// To be called once, after the last replacement.
  void finish();

 private:
  llvm::AllocaInst* scratch(std::uint64_t size);
  llvm::AllocaInst* allocate(llvm::Type* type, llvm::Align alignment);
  void emit(llvm::IRBuilder<>& builder, llvm::Value* to, llvm::Value* size,
            llvm::Value* from);

  llvm::Function& function_;
  /// One slot of the stack serves all reads: each is taken out at once.
  llvm::AllocaInst* scratch_ = nullptr;
  std::uint64_t scratch_size_ = 0;
};

}  // namespace ebl::compile
