#include "compile/clang/probe_reads.h"

#include <llvm/IR/Module.h>

#include <algorithm>

namespace ebl::compile {
namespace {

/// bpf_probe_read tells an address of a process from one of the kernel, as BCC's programs
/// rely on. Where the two overlap there is only bpf_probe_read_kernel.
constexpr std::uint64_t kProbeRead =
#if defined(__s390__) || defined(__riscv)
    113;
#else
    4;
#endif

/// A compare of more than this does not leave enough of the 512 bytes of stack.
constexpr std::uint64_t kLargestCompare = 256;

}  // namespace

bool ProbeReads::is_compare(const llvm::CallInst& call) {
  const llvm::Function* callee = call.getCalledFunction();
  return callee && callee->isDeclaration() && call.arg_size() == 3 &&
         (callee->getName() == "memcmp" || callee->getName() == "bcmp");
}

llvm::AllocaInst* ProbeReads::allocate(llvm::Type* type, llvm::Align alignment) {
  llvm::BasicBlock& entry = function_.getEntryBlock();
  llvm::IRBuilder<> builder(&entry, entry.getFirstInsertionPt());
  llvm::AllocaInst* slot = builder.CreateAlloca(type);
  slot->setAlignment(alignment);
  return slot;
}

void ProbeReads::emit(llvm::IRBuilder<>& builder, llvm::Value* to, llvm::Value* size,
                      llvm::Value* from) {
  llvm::Type* pointer = builder.getPtrTy();
  auto* type = llvm::FunctionType::get(builder.getInt64Ty(),
                                       {pointer, builder.getInt32Ty(), pointer}, false);
  llvm::Constant* helper =
      llvm::ConstantExpr::getIntToPtr(builder.getInt64(kProbeRead), pointer);
  builder.CreateCall(type, helper, {to, size, from});
}

llvm::AllocaInst* ProbeReads::scratch(std::uint64_t size) {
  if (!scratch_)
    scratch_ = allocate(llvm::Type::getInt64Ty(function_.getContext()), llvm::Align(8));
  scratch_size_ = std::max(scratch_size_, size);
  return scratch_;
}

void ProbeReads::replace(llvm::LoadInst& load) {
  if (load.use_empty()) {
    load.eraseFromParent();
    return;
  }
  llvm::Type* type = load.getType();
  const std::uint64_t size =
      function_.getParent()->getDataLayout().getTypeStoreSize(type);
  llvm::IRBuilder<> builder(&load);
  emit(builder, scratch(size), builder.getInt32(static_cast<std::uint32_t>(size)),
       load.getPointerOperand());
  llvm::LoadInst* value = builder.CreateAlignedLoad(type, scratch_, llvm::Align(8));
  value->takeName(&load);
  load.replaceAllUsesWith(value);
  load.eraseFromParent();
}

void ProbeReads::replace(llvm::MemTransferInst& copy) {
  llvm::IRBuilder<> builder(&copy);
  emit(builder, copy.getRawDest(),
       builder.CreateZExtOrTrunc(copy.getLength(), builder.getInt32Ty()),
       copy.getRawSource());
  copy.eraseFromParent();
}

bool ProbeReads::replace_operand(llvm::CallInst& call, unsigned operand) {
  const auto* size = llvm::dyn_cast<llvm::ConstantInt>(call.getArgOperand(2));
  if (!size || size->getZExtValue() > kLargestCompare) return false;
  llvm::IRBuilder<> builder(&call);
  auto* bytes = llvm::ArrayType::get(builder.getInt8Ty(), size->getZExtValue());
  llvm::AllocaInst* slot = allocate(bytes, llvm::Align(8));
  builder.CreateLifetimeStart(slot, builder.getInt64(size->getZExtValue()));
  emit(builder, slot, builder.getInt32(static_cast<std::uint32_t>(size->getZExtValue())),
       call.getArgOperand(operand));
  call.setArgOperand(operand, slot);
  builder.SetInsertPoint(call.getNextNode());
  builder.CreateLifetimeEnd(slot, builder.getInt64(size->getZExtValue()));
  return true;
}

void ProbeReads::finish() {
  if (scratch_size_ <= 8) return;
  auto* bytes = llvm::ArrayType::get(llvm::Type::getInt64Ty(scratch_->getContext()),
                                     (scratch_size_ + 7) / 8);
  scratch_->setAllocatedType(bytes);
}

}  // namespace ebl::compile
