#include "compile/clang/loss_counters.h"

#include <llvm/ADT/SetVector.h>
#include <llvm/BinaryFormat/Dwarf.h>
#include <llvm/IR/DIBuilder.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/Module.h>
#include <llvm/Transforms/Scalar/JumpThreading.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>
#include <llvm/Transforms/Utils/Cloning.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "base/loss_section.h"

namespace ebl::compile {
namespace {

/// Which results of a helper are a loss.
enum class Loss {
  null,         // no record
  negative,     // any error
  not_stored,   // an error other than EEXIST and ENOENT
  stack,        // EEXIST or ENOMEM
  not_created,  // null although the flags, argument 3, ask for a new storage
};

struct Helper {
  unsigned number;
  unsigned map_argument;
  Loss loss;
};

// Numbers of enum bpf_func_id: part of the kernel's stable interface.
constexpr Helper kHelpers[] = {
    {2, 0, Loss::not_stored},     // map_update_elem
    {25, 1, Loss::negative},      // perf_event_output
    {27, 1, Loss::stack},         // get_stackid
    {87, 0, Loss::not_stored},    // map_push_elem
    {107, 0, Loss::not_created},  // sk_storage_get
    {111, 1, Loss::negative},     // skb_output
    {121, 1, Loss::negative},     // xdp_output
    {130, 0, Loss::negative},     // ringbuf_output
    {131, 0, Loss::null},         // ringbuf_reserve
    {145, 0, Loss::not_created},  // inode_storage_get
    {156, 0, Loss::not_created},  // task_storage_get
    {198, 0, Loss::negative},     // ringbuf_reserve_dynptr
    {210, 0, Loss::not_created},  // cgrp_storage_get
};
constexpr unsigned kMapLookup = 1, kProcessorId = 8;
constexpr unsigned kStorageFlags = 3, kStorageCreate = 1;

std::optional<unsigned> helper_number(const llvm::CallBase& call) {
  const auto* address = llvm::dyn_cast<llvm::ConstantExpr>(call.getCalledOperand());
  if (!address || address->getOpcode() != llvm::Instruction::IntToPtr)
    return std::nullopt;
  const auto* number = llvm::dyn_cast<llvm::ConstantInt>(address->getOperand(0));
  if (!number) return std::nullopt;
  return static_cast<unsigned>(number->getZExtValue());
}

const Helper* counted_helper(const llvm::CallBase& call) {
  const std::optional<unsigned> number = helper_number(call);
  if (!number) return nullptr;
  for (const Helper& helper : kHelpers)
    if (helper.number == *number && helper.map_argument < call.arg_size()) return &helper;
  return nullptr;
}

/// The counters of one module.
class Counters {
 public:
  explicit Counters(llvm::Module& module) : module_(module) {}

  /// Adds the test of one call's result.
  void count(llvm::CallInst& call, const Helper& helper) {
    llvm::IRBuilder<> builder(call.getNextNode());
    builder.SetCurrentDebugLocation(call.getDebugLoc());
    llvm::Value* lost = test(builder, call, helper.loss);
    if (!lost) return;
    llvm::Value* counter =
        counter_of(call.getArgOperand(helper.map_argument), *call.getFunction());
    llvm::MDNode* unlikely =
        llvm::MDBuilder(module_.getContext()).createUnlikelyBranchWeights();
    llvm::Instruction* then = llvm::SplitBlockAndInsertIfThen(
        lost, builder.GetInsertPoint(), /*Unreachable=*/false, unlikely);
    builder.SetInsertPoint(then);
    add_one(builder, counter);
  }

 private:
  llvm::Value* test(llvm::IRBuilder<>& builder, llvm::CallInst& call, Loss loss) {
    llvm::Type* type = call.getType();
    if (loss == Loss::null || loss == Loss::not_created) {
      if (!type->isPointerTy() && !type->isIntegerTy()) return nullptr;
      llvm::Value* null = builder.CreateIsNull(&call);
      if (loss == Loss::null) return null;
      if (call.arg_size() <= kStorageFlags) return nullptr;
      llvm::Value* flags = call.getArgOperand(kStorageFlags);
      if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(flags))
        return known->getZExtValue() & kStorageCreate ? null : nullptr;
      return builder.CreateAnd(
          null, builder.CreateIsNotNull(builder.CreateAnd(flags, kStorageCreate)));
    }
    if (!type->isIntegerTy()) return nullptr;  // declared without a result
    // Kernels before 6.4 return an int from map operations, and what lies in the upper
    // half of the register is left from before.
    llvm::Value* result = builder.CreateZExtOrTrunc(&call, builder.getInt32Ty());
    auto is = [&](int error) {
      return builder.CreateICmpEQ(
          result, llvm::ConstantInt::getSigned(builder.getInt32Ty(), -error));
    };
    if (loss == Loss::stack) return builder.CreateOr(is(EEXIST), is(ENOMEM));
    llvm::Value* negative = builder.CreateICmpSLT(result, builder.getInt32(0));
    if (loss == Loss::negative) return negative;
    return builder.CreateAnd(negative,
                             builder.CreateNot(builder.CreateOr(is(EEXIST), is(ENOENT))));
  }

  /// The counter for a map argument: a variable, or a choice between variables where the
  /// program chooses between maps.
  llvm::Value* counter_of(llvm::Value* map, llvm::Function& program) {
    if (llvm::Value* known = chosen_.lookup(map)) return known;
    if (auto* variable = llvm::dyn_cast<llvm::GlobalVariable>(map))
      return variable_for(variable->getName(), program);
    if (auto* choice = llvm::dyn_cast<llvm::SelectInst>(map)) {
      llvm::Value* yes = counter_of(choice->getTrueValue(), program);
      llvm::Value* no = counter_of(choice->getFalseValue(), program);
      return llvm::IRBuilder<>(choice).CreateSelect(choice->getCondition(), yes, no);
    }
    if (auto* merge = llvm::dyn_cast<llvm::PHINode>(map)) {
      llvm::PHINode* made = llvm::IRBuilder<>(merge).CreatePHI(
          map->getType(), merge->getNumIncomingValues());
      chosen_[map] = made;  // a loop may lead back here
      for (unsigned i = 0; i < merge->getNumIncomingValues(); i++)
        made->addIncoming(counter_of(merge->getIncomingValue(i), program),
                          merge->getIncomingBlock(i));
      return made;
    }
    // A map of maps answers for those inside.
    if (auto* look_up = llvm::dyn_cast<llvm::CallBase>(map);
        look_up && helper_number(*look_up) == kMapLookup && look_up->arg_size() > 0)
      return counter_of(look_up->getArgOperand(0), program);
    return variable_for("", program);
  }

  llvm::GlobalVariable* variable_for(llvm::StringRef map, llvm::Function& program) {
    const std::string name =
        (kLossPrefix + llvm::Twine(map.size()) + map + program.getName()).str();
    if (llvm::GlobalVariable* made = module_.getNamedGlobal(name)) return made;
    // Not a static one: libbpf makes only sections with global variables mappable.
    auto* made = new llvm::GlobalVariable(
        module_, counter_type(), /*isConstant=*/false, llvm::GlobalValue::ExternalLinkage,
        llvm::ConstantAggregateZero::get(counter_type()), name);
    made->setSection(kLossSection);
    made->setAlignment(llvm::Align(64));
    describe(*made, name);
    return made;
  }

  llvm::ArrayType* counter_type() {
    llvm::Type* word = llvm::Type::getInt64Ty(module_.getContext());
    return llvm::ArrayType::get(word, kLossStripes * kLossStripeWords);
  }

  /// Debug information, from which LLVM writes BTF: how the loader finds a counter.
  void describe(llvm::GlobalVariable& variable, llvm::StringRef name) {
    if (module_.debug_compile_units().empty()) return;
    llvm::DICompileUnit* unit = *module_.debug_compile_units_begin();
    llvm::DIBuilder debug(module_, /*AllowUnresolved=*/true, unit);
    constexpr unsigned kWords = kLossStripes * kLossStripeWords;
    llvm::DIType* word =
        debug.createBasicType("unsigned long long", 64, llvm::dwarf::DW_ATE_unsigned);
    llvm::DIType* type = debug.createArrayType(
        std::uint64_t{kWords} * 64, 512, word,
        debug.getOrCreateArray(debug.getOrCreateSubrange(0, std::int64_t{kWords})));
    variable.addDebugInfo(debug.createGlobalVariableExpression(
        unit, name, name, unit->getFile(), 0, type, /*IsLocalToUnit=*/false));
    debug.finalize();
  }

  void add_one(llvm::IRBuilder<>& builder, llvm::Value* counter) {
    llvm::Type* word = builder.getInt64Ty();
    llvm::Value* helper = llvm::ConstantExpr::getIntToPtr(builder.getInt64(kProcessorId),
                                                          builder.getPtrTy());
    llvm::Value* cpu =
        builder.CreateCall(llvm::FunctionType::get(word, /*isVarArg=*/false), helper);
    llvm::Value* stripe = builder.CreateAnd(cpu, kLossStripes - 1);
    llvm::Value* place = builder.CreateGEP(
        word, counter, builder.CreateMul(stripe, builder.getInt64(kLossStripeWords)));
    builder.CreateAtomicRMW(llvm::AtomicRMWInst::Add, place, builder.getInt64(1),
                            llvm::Align(8), llvm::AtomicOrdering::Monotonic);
  }

  llvm::Module& module_;
  llvm::DenseMap<llvm::Value*, llvm::Value*> chosen_;
};

}  // namespace

namespace {

bool reserves(const llvm::Function& function) {
  for (const llvm::BasicBlock& block : function)
    for (const llvm::Instruction& instruction : block)
      if (const auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction))
        if (const Helper* helper = counted_helper(*call);
            helper && helper->loss == Loss::null)
          return true;
  return false;
}

/// Puts static functions that return a record into their callers, where the program's own
/// test of the record is.
void inline_reserving_functions(llvm::Module& module) {
  for (llvm::Function& function : llvm::make_early_inc_range(module)) {
    if (!function.hasLocalLinkage() || !function.getReturnType()->isPointerTy() ||
        !reserves(function))
      continue;
    for (llvm::User* user : llvm::make_early_inc_range(function.users()))
      if (auto* call = llvm::dyn_cast<llvm::CallInst>(user);
          call && call->getCalledFunction() == &function) {
        llvm::InlineFunctionInfo info;
        llvm::InlineFunction(*call, info);
      }
    if (function.use_empty()) function.eraseFromParent();
  }
}

}  // namespace

llvm::PreservedAnalyses LossCountersPass::run(llvm::Module& module,
                                              llvm::ModuleAnalysisManager& analyses) {
  inline_reserving_functions(module);
  std::vector<std::pair<llvm::CallInst*, const Helper*>> calls;
  for (llvm::Function& function : module)
    for (llvm::BasicBlock& block : function)
      for (llvm::Instruction& instruction : block)
        if (auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction))
          if (const Helper* helper = counted_helper(*call))
            calls.emplace_back(call, helper);
  Counters counters(module);
  llvm::SetVector<llvm::Function*> changed;
  for (const auto& [call, helper] : calls) {
    counters.count(*call, *helper);
    changed.insert(call->getFunction());
  }
  // The program tests the result as well. Verifiers before 6.6 or so forget between two
  // tests that a record is not NULL, so that one test has to serve both.
  auto& functions =
      analyses.getResult<llvm::FunctionAnalysisManagerModuleProxy>(module).getManager();
  for (llvm::Function* function : changed) {
    functions.invalidate(*function, llvm::PreservedAnalyses::none());
    llvm::JumpThreadingPass().run(*function, functions);
    functions.invalidate(*function, llvm::PreservedAnalyses::none());
  }
  return calls.empty() ? llvm::PreservedAnalyses::all() : llvm::PreservedAnalyses::none();
}

}  // namespace ebl::compile
