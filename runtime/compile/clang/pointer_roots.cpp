#include "compile/clang/pointer_roots.h"

#include <llvm/ADT/SmallPtrSet.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/IntrinsicsBPF.h>
#include <llvm/IR/Operator.h>

#include <algorithm>
#include <array>

namespace ebl::compile {
namespace {

/// Helpers whose result the verifier follows as a pointer that the program may use itself
/// (linux/bpf.h, enum bpf_func_id). All others return numbers, or, like
/// bpf_get_current_task (35), addresses; a pointer to a kernel object
/// (bpf_get_current_task_btf, bpf_skc_to_tcp_sock, bpf_task_pt_regs) may be read both
/// ways, and through a helper however it is cast.
constexpr auto kHelpersToOwnMemory = std::to_array<std::uint64_t>({
    1,    // map_lookup_elem
    81,   // get_local_storage
    84,   // sk_lookup_tcp, and up to 99 the sockets that are read as a context is
    85,   // sk_lookup_udp
    95,   // sk_fullsock
    96,   // tcp_sock
    98,   // get_listener_sock
    99,   // skc_lookup_tcp
    107,  // sk_storage_get
    131,  // ringbuf_reserve
    145,  // inode_storage_get
    153,  // per_cpu_ptr
    154,  // this_cpu_ptr
    156,  // task_storage_get
    194,  // kptr_xchg
    195,  // map_lookup_percpu_elem
    203,  // dynptr_data
    210,  // cgrp_storage_get
});

/// The value that a never written static variable holds, such as libbpf's
/// `static void *(*bpf_map_lookup_elem)(…) = (void *) 1`.
const llvm::Value* held_by(const llvm::GlobalVariable& variable) {
  if (!variable.hasInitializer() || variable.isInterposable()) return nullptr;
  const bool is_written =
      !variable.isConstant() && (!variable.hasLocalLinkage() ||
                                 !std::ranges::all_of(variable.users(), [](auto* user) {
                                   return llvm::isa<llvm::LoadInst>(user);
                                 }));
  return is_written ? nullptr : variable.getInitializer();
}

bool is_address_of_memory(const llvm::Value* integer) {
  llvm::SmallVector<const llvm::Value*, 8> pending = {integer};
  llvm::SmallPtrSet<const llvm::Value*, 8> seen;
  while (!pending.empty()) {
    const llvm::Value* value = pending.pop_back_val();
    if (!seen.insert(value).second) continue;
    const auto* step = llvm::dyn_cast<llvm::Operator>(value);
    if (!step) continue;
    if (step->getOpcode() == llvm::Instruction::PtrToInt) return true;
    if (llvm::isa<llvm::BinaryOperator, llvm::CastInst, llvm::PHINode, llvm::SelectInst>(
            value))
      for (const llvm::Value* operand : step->operands()) pending.push_back(operand);
  }
  return false;
}

class Search {
 public:
  explicit Search(bool is_program) : is_program_(is_program) {}

  Roots run(const llvm::Value* pointer) {
    pending_.push_back(pointer);
    while (!pending_.empty()) {
      const llvm::Value* value = pending_.pop_back_val();
      if (seen_.insert(value).second) visit(value);
    }
    return roots_;
  }

 private:
  void follow(const llvm::Value* value) { pending_.push_back(value); }

  void visit(const llvm::Value* value) {
    if (llvm::isa<llvm::UndefValue, llvm::ConstantPointerNull>(value)) return;
    if (llvm::isa<llvm::GlobalObject, llvm::AllocaInst>(value)) {
      roots_.own = true;
    } else if (const auto* argument = llvm::dyn_cast<llvm::Argument>(value)) {
      visit_argument(*argument);
    } else if (const auto* phi = llvm::dyn_cast<llvm::PHINode>(value)) {
      for (const llvm::Value* incoming : phi->incoming_values()) follow(incoming);
    } else if (const auto* call = llvm::dyn_cast<llvm::CallBase>(value)) {
      visit_call(*call);
    } else if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(value)) {
      visit_load(*load);
    } else if (const auto* step = llvm::dyn_cast<llvm::Operator>(value)) {
      visit_operator(*step);
    } else {
      roots_.foreign = true;
    }
  }

  void visit_argument(const llvm::Argument& argument) {
    if (!is_program_)
      roots_.own = true;
    else if (argument.getArgNo() == 0)
      roots_.context = true;
    else
      roots_.foreign = true;
  }

  void visit_load(const llvm::LoadInst& load) {
    const llvm::Value* base = llvm::getUnderlyingObject(load.getPointerOperand(), 0);
    const bool kept_on_stack = llvm::isa<llvm::AllocaInst>(base) ||
                               (llvm::isa<llvm::Argument>(base) && !is_program_);
    (kept_on_stack ? roots_.spilled : roots_.foreign) = true;
  }

  void visit_call(const llvm::CallBase& call) {
    if (const auto* intrinsic = llvm::dyn_cast<llvm::IntrinsicInst>(&call)) {
      const bool is_passthrough =
          intrinsic->getIntrinsicID() == llvm::Intrinsic::bpf_passthrough;
      if (intrinsic->arg_size() > (is_passthrough ? 1 : 0))
        follow(intrinsic->getArgOperand(is_passthrough ? 1 : 0));
      return;
    }
    if (call.isInlineAsm()) {
      // Barriers hand a value through; what makes one up is the author's business.
      if (call.arg_size() == 0) roots_.own = true;
      for (const llvm::Value* argument : call.args()) follow(argument);
      return;
    }
    if (const std::optional<std::uint64_t> helper = helper_of(call)) {
      const bool is_own =
          std::ranges::find(kHelpersToOwnMemory, *helper) != kHelpersToOwnMemory.end();
      (is_own ? roots_.own : roots_.foreign) = true;
      return;
    }
    // A kernel function's pointer is one that the verifier follows.
    (call.getType()->isPointerTy() ? roots_.own : roots_.foreign) = true;
  }

  void visit_operator(const llvm::Operator& step) {
    using llvm::Instruction;
    switch (step.getOpcode()) {
      case Instruction::GetElementPtr:
      case Instruction::BitCast:
      case Instruction::AddrSpaceCast:
      case Instruction::PtrToInt:
      case Instruction::IntToPtr:
      case Instruction::ZExt:
      case Instruction::SExt:
      case Instruction::Trunc:
      case Instruction::Freeze:
      case Instruction::ExtractValue: follow(step.getOperand(0)); return;
      case Instruction::Select:
        follow(step.getOperand(1));
        follow(step.getOperand(2));
        return;
      default: break;
    }
    if (!llvm::isa<llvm::BinaryOperator>(step)) {
      roots_.foreign = true;
      return;
    }
    // In `(u64)stack_array + n` only one side is an address.
    const bool any_address = is_address_of_memory(&step);
    for (const llvm::Value* operand : step.operands())
      if (!llvm::isa<llvm::ConstantInt>(operand) &&
          (!any_address || is_address_of_memory(operand)))
        follow(operand);
  }

  bool is_program_;
  Roots roots_;
  llvm::SmallVector<const llvm::Value*, 16> pending_;
  llvm::SmallPtrSet<const llvm::Value*, 16> seen_;
};

}  // namespace

Roots roots_of(const llvm::Value* pointer, bool is_program) {
  return Search(is_program).run(pointer);
}

std::optional<std::uint64_t> helper_of(const llvm::CallBase& call) {
  const llvm::Value* callee = call.getCalledOperand()->stripPointerCasts();
  if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(callee))
    if (const auto* variable =
            llvm::dyn_cast<llvm::GlobalVariable>(load->getPointerOperand()))
      callee = held_by(*variable);
  if (!callee) return std::nullopt;
  const auto* number = llvm::dyn_cast<llvm::ConstantExpr>(callee);
  if (!number || number->getOpcode() != llvm::Instruction::IntToPtr) return std::nullopt;
  const auto* value = llvm::dyn_cast<llvm::ConstantInt>(number->getOperand(0));
  if (!value) return std::nullopt;
  return value->getZExtValue();
}

}  // namespace ebl::compile
