// EntryPass: wrappers that give programs of BCC texts the signature that the kernel
// wants.
#include <llvm/IR/DIBuilder.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <array>

#include "compile/clang/bcc_entries.h"

namespace ebl::compile {
namespace {

constexpr std::size_t kMostArguments = 6;

/// Where the arguments lie in struct pt_regs, in bytes: of a function, and of a system
/// call in the registers that its only argument points to.
struct RegisterOffsets {
  std::array<std::uint64_t, kMostArguments> function;
  std::array<std::uint64_t, kMostArguments> syscall;
};

constexpr RegisterOffsets kOffsets =
#if defined(__x86_64__)
    {{112, 104, 96, 88, 72, 64}, {112, 104, 96, 56, 72, 64}};  // di si dx cx|r10 r8 r9
#elif defined(__aarch64__)
    {{0, 8, 16, 24, 32, 40}, {272, 8, 16, 24, 32, 40}};  // regs[0..5]; orig_x0 first
#elif defined(__s390x__)
    {{40, 48, 56, 64, 72, 0}, {144, 48, 56, 64, 72, 80}};  // gprs[2..6]; orig_gpr2 first
#elif defined(__riscv)
    {{80, 88, 96, 104, 112, 120}, {256, 88, 96, 104, 112, 120}};  // a0..a5; orig_a0 first
#else
    {{24, 32, 40, 48, 56, 64}, {24, 32, 40, 48, 56, 64}};  // powerpc: gpr[3..8]
#endif

constexpr std::uint64_t kProbeReadKernel = 113;  // the number of bpf_probe_read_kernel

/// Builds one wrapper.
class Wrapper {
 public:
  Wrapper(llvm::Function& body, const BccEntry& entry)
      : body_(body),
        entry_(entry),
        module_(*body.getParent()),
        builder_(body.getContext()) {}

  void build() {
    llvm::LLVMContext& context = module_.getContext();
    llvm::Type* pointer = llvm::PointerType::getUnqual(context);
    auto* type = llvm::FunctionType::get(builder_.getInt32Ty(), {pointer}, false);
    wrapper_ =
        llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, "", &module_);
    wrapper_->takeName(&body_);
    wrapper_->setSection(body_.getSection());
    wrapper_->setDSOLocal(true);
    wrapper_->setAttributes(llvm::AttributeList::get(
        context, llvm::AttributeList::FunctionIndex,
        llvm::AttrBuilder(context, body_.getAttributes().getFnAttrs())));
    inline_body();
    describe();
    builder_.SetInsertPoint(llvm::BasicBlock::Create(context, "", wrapper_));
    call_body();
  }

 private:
  void inline_body() {
    body_.setName(wrapper_->getName() + ".body");
    body_.setSection("");
    body_.setLinkage(llvm::GlobalValue::InternalLinkage);
    body_.removeFnAttr(llvm::Attribute::NoInline);
    body_.removeFnAttr(llvm::Attribute::OptimizeNone);
    body_.addFnAttr(llvm::Attribute::AlwaysInline);
  }

  /// The wrapper's own debug information: BTF of a function comes from there.
  void describe() {
    llvm::DISubprogram* program = body_.getSubprogram();
    if (!program) return;
    llvm::DIBuilder debug(module_, false, program->getUnit());
    const llvm::DITypeRefArray types = program->getType()->getTypeArray();
    llvm::DIType* result = types.size() ? types[0] : nullptr;
    if (!result || !body_.getReturnType()->isIntegerTy(32))
      result = debug.createBasicType("int", 32, llvm::dwarf::DW_ATE_signed);
    llvm::DIType* context = types.size() > 1 ? types[1] : debug.createNullPtrType();
    auto* type =
        debug.createSubroutineType(debug.getOrCreateTypeArray({result, context}));
    llvm::DISubprogram* own = debug.createFunction(
        program->getScope(), wrapper_->getName(), "", program->getFile(),
        program->getLine(), type, program->getScopeLine(), program->getFlags(),
        llvm::DISubprogram::SPFlagDefinition | llvm::DISubprogram::SPFlagOptimized);
    // The kernel refuses the BTF of a function with a nameless parameter.
    debug.createParameterVariable(own, "ctx", 1, program->getFile(), program->getLine(),
                                  context, true);
    wrapper_->setSubprogram(own);
    debug.finalizeSubprogram(own);
    builder_.SetCurrentDebugLocation(
        llvm::DILocation::get(module_.getContext(), program->getLine(), 0, own));
  }

  llvm::Value* load(llvm::Value* from, std::uint64_t offset) {
    return builder_.CreateLoad(
        builder_.getInt64Ty(),
        builder_.CreateConstInBoundsGEP1_64(builder_.getInt8Ty(), from, offset));
  }

  /// A word of kernel memory, by bpf_probe_read_kernel.
  llvm::Value* read(llvm::Value* address) {
    llvm::Type* word = builder_.getInt64Ty();
    auto* type = llvm::FunctionType::get(
        word, {builder_.getPtrTy(), builder_.getInt32Ty(), builder_.getPtrTy()}, false);
    llvm::Value* helper =
        builder_.CreateIntToPtr(builder_.getInt64(kProbeReadKernel), builder_.getPtrTy());
    llvm::Value* place = builder_.CreateAlloca(word);
    builder_.CreateStore(builder_.getInt64(0), place);
    llvm::Value* source = builder_.CreateIntToPtr(address, builder_.getPtrTy());
    builder_.CreateCall(type, helper, {place, builder_.getInt32(8), source});
    return builder_.CreateLoad(word, place);
  }

  llvm::Value* argument(std::size_t index) {
    if (entry_.arguments != Arguments::syscall)
      return load(wrapper_->getArg(0), kOffsets.function[index]);
    llvm::Value* inner = load(wrapper_->getArg(0), kOffsets.function[0]);
    return read(builder_.CreateAdd(inner, builder_.getInt64(kOffsets.syscall[index])));
  }

  llvm::Value* convert(llvm::Value* word, llvm::Type* type) {
    if (type->isPointerTy()) return builder_.CreateIntToPtr(word, type);
    // A bool is the lowest byte of its register, as a truth value.
    if (type->isIntegerTy(1))
      return builder_.CreateIsNotNull(builder_.CreateTrunc(word, builder_.getInt8Ty()));
    return builder_.CreateIntCast(word, type, false);
  }

  void call_body() {
    std::vector<llvm::Value*> values;
    if (!body_.arg_empty()) values.push_back(wrapper_->getArg(0));
    for (std::size_t i = 1; i < body_.arg_size(); i++) {
      llvm::Type* type = body_.getArg(static_cast<unsigned>(i))->getType();
      values.push_back(entry_.used[i - 1] ? convert(argument(i - 1), type)
                                          : llvm::Constant::getNullValue(type));
    }
    llvm::CallInst* call = builder_.CreateCall(&body_, values);
    llvm::Type* type = body_.getReturnType();
    const bool is_signed = body_.hasRetAttribute(llvm::Attribute::SExt);
    builder_.CreateRet(type->isIntegerTy() ? builder_.CreateIntCast(
                                                 call, builder_.getInt32Ty(), is_signed)
                                           : builder_.getInt32(0));
  }

  llvm::Function& body_;
  const BccEntry& entry_;
  llvm::Module& module_;
  llvm::IRBuilder<> builder_;
  llvm::Function* wrapper_ = nullptr;
};

bool fits_as_it_is(const llvm::Function& function) {
  return function.use_empty() && function.arg_size() <= 1 &&
         function.getReturnType()->isIntegerTy();
}

}  // namespace

llvm::PreservedAnalyses EntryPass::run(llvm::Module& module,
                                       llvm::ModuleAnalysisManager&) {
  for (const BccEntry& entry : *entries_) {
    llvm::Function* function = module.getFunction(entry.function);
    if (!function || function->isDeclaration()) continue;
    if (!entry.is_program) {
      function->setLinkage(llvm::GlobalValue::InternalLinkage);
      continue;
    }
    function->addFnAttr(kContextAttribute, entry.context);
    if (!fits_as_it_is(*function)) Wrapper(*function, entry).build();
  }
  return llvm::PreservedAnalyses::none();
}

}  // namespace ebl::compile
