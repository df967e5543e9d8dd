#include "compile/clang/bit_fields.h"

#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>

namespace ebl::compile {
namespace {

const llvm::DIType* without_typedefs(const llvm::Metadata* metadata) {
  const auto* type = llvm::dyn_cast_or_null<llvm::DIType>(metadata);
  while (const auto* derived = llvm::dyn_cast_or_null<llvm::DIDerivedType>(type))
    type = derived->getBaseType();
  return type;
}

/// The bit-field that `access`, a preserve.struct.access.index, is the address of; null
/// for other members.
const llvm::DIDerivedType* bit_field_of(const llvm::IntrinsicInst& access) {
  const auto* record = llvm::dyn_cast_or_null<llvm::DICompositeType>(
      without_typedefs(access.getMetadata(llvm::LLVMContext::MD_preserve_access_index)));
  const auto* index = llvm::dyn_cast<llvm::ConstantInt>(access.getArgOperand(2));
  if (!record || !index || index->getZExtValue() >= record->getElements().size())
    return nullptr;
  const auto* member =
      llvm::dyn_cast<llvm::DIDerivedType>(record->getElements()[index->getZExtValue()]);
  return member && member->isBitField() ? member : nullptr;
}

/// The byte that libbpf makes of BPF_CORE_FIELD_BYTE_OFFSET for a bit-field.
std::uint64_t relocated_byte(const llvm::DIDerivedType& field) {
  const llvm::DIType* type = without_typedefs(field.getBaseType());
  const std::uint64_t offset = field.getOffsetInBits();
  std::uint64_t size = type ? type->getSizeInBits() / 8 : 0;
  if (size == 0) size = 1;
  const auto unit = [&] { return offset / 8 / size * size; };
  while (size < 8 && offset + field.getSizeInBits() - unit() * 8 > size * 8) size *= 2;
  return unit();
}

std::int64_t distance_to_storage(const llvm::DIDerivedType& field) {
  const auto* storage =
      llvm::dyn_cast_or_null<llvm::ConstantInt>(field.getStorageOffsetInBits());
  if (!storage) return 0;
  return static_cast<std::int64_t>(storage->getZExtValue() / 8 - relocated_byte(field));
}

}  // namespace

llvm::PreservedAnalyses BitFieldsPass::run(llvm::Module& module,
                                           llvm::ModuleAnalysisManager&) {
  bool changed = false;
  for (llvm::Function& function : module) {
    for (llvm::Instruction& instruction : llvm::instructions(function)) {
      auto* access = llvm::dyn_cast_or_null<llvm::IntrinsicInst>(
          llvm::getLoadStorePointerOperand(&instruction));
      if (!access ||
          access->getIntrinsicID() != llvm::Intrinsic::preserve_struct_access_index)
        continue;
      const llvm::DIDerivedType* field = bit_field_of(*access);
      const std::int64_t distance = field ? distance_to_storage(*field) : 0;
      if (distance == 0) continue;
      llvm::IRBuilder<> builder(&instruction);
      llvm::Value* storage = builder.CreateConstGEP1_64(
          builder.getInt8Ty(), access, static_cast<std::uint64_t>(distance));
      instruction.replaceUsesOfWith(access, storage);
      changed = true;
    }
  }
  return changed ? llvm::PreservedAnalyses::none() : llvm::PreservedAnalyses::all();
}

}  // namespace ebl::compile
