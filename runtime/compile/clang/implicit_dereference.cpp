#include "compile/clang/implicit_dereference.h"

#include <llvm/ADT/STLExtras.h>
#include <llvm/ADT/SetVector.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>
#include <llvm/Transforms/IPO/AlwaysInliner.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/InstSimplifyPass.h>
#include <llvm/Transforms/Scalar/SROA.h>

#include <array>
#include <utility>
#include <vector>

#include "compile/clang/bcc_entries.h"
#include "compile/clang/pointer_roots.h"
#include "compile/clang/probe_reads.h"

namespace ebl::compile {
namespace {

/// Lets every static function be inlined, whatever its attributes: the kernel's pointers
/// are told from others within one function only, and BCC does the same.
class InlineStaticFunctions : public llvm::PassInfoMixin<InlineStaticFunctions> {
 public:
  static llvm::PreservedAnalyses run(llvm::Module& module, llvm::ModuleAnalysisManager&) {
    for (llvm::Function& function : module) {
      if (function.isDeclaration() || !function.hasLocalLinkage()) continue;
      function.removeFnAttr(llvm::Attribute::NoInline);
      function.addFnAttr(llvm::Attribute::AlwaysInline);
    }
    return llvm::PreservedAnalyses::none();
  }
  static bool isRequired() { return true; }
};

/// One function's accesses: all are told apart before the first is rewritten, since what
/// is rewritten no longer shows where a pointer came from.
class Rewriter {
 public:
  Rewriter(llvm::Function& function, bool is_program, bool plain_context,
           const ReportError& report)
      : function_(function),
        is_program_(is_program),
        plain_context_(plain_context),
        report_(report),
        reads_(function) {}

  void run() {
    for (llvm::Instruction& instruction : llvm::instructions(function_))
      classify(instruction);
    for (llvm::LoadInst* load : loads_) reads_.replace(*load);
    for (llvm::MemTransferInst* copy : copies_) reads_.replace(*copy);
    for (const auto& [call, side] : compares_)
      if (!reads_.replace_operand(*call, side))
        report_(call->getDebugLoc(),
                "memcmp on kernel memory needs a constant size of at most 256 bytes");
    reads_.finish();
  }

 private:
  void classify(llvm::Instruction& instruction) {
    if (auto* load = llvm::dyn_cast<llvm::LoadInst>(&instruction)) {
      if (is_read(load->getPointerOperand(), *load)) loads_.push_back(load);
    } else if (auto* copy = llvm::dyn_cast<llvm::MemTransferInst>(&instruction)) {
      refuse_write(copy->getRawDest(), *copy);
      if (is_read(copy->getRawSource(), *copy)) copies_.push_back(copy);
    } else if (auto* fill = llvm::dyn_cast<llvm::MemSetInst>(&instruction)) {
      refuse_write(fill->getRawDest(), *fill);
    } else if (auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction)) {
      refuse_write(store->getPointerOperand(), *store);
    } else if (auto* change = llvm::dyn_cast<llvm::AtomicRMWInst>(&instruction)) {
      refuse_write(change->getPointerOperand(), *change);
    } else if (auto* exchange = llvm::dyn_cast<llvm::AtomicCmpXchgInst>(&instruction)) {
      refuse_write(exchange->getPointerOperand(), *exchange);
    } else if (auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction)) {
      if (!ProbeReads::is_compare(*call)) return;
      for (unsigned side = 0; side < 2; side++)
        if (is_read(call->getArgOperand(side), *call)) compares_.emplace_back(call, side);
    }
  }

  /// Whether the read needs a helper.
  bool is_read(const llvm::Value* pointer, const llvm::Instruction& at) {
    const Roots roots = roots_of(pointer, is_program_);
    if (roots.foreign && roots.context && !plain_context_)
      report_(at.getDebugLoc(),
              "this pointer may be the context or point elsewhere, and the two are read "
              "in different ways: read them in separate branches");
    return roots.needs_helper();
  }

  void refuse_write(const llvm::Value* pointer, const llvm::Instruction& at) {
    if (!roots_of(pointer, is_program_).only_foreign()) return;
    report_(at.getDebugLoc(),
            "a BPF program cannot write through this pointer: it leads to memory of the "
            "kernel or of a process; only the stack, map values and records that the "
            "program reserved can be written");
  }

  llvm::Function& function_;
  const bool is_program_;
  const bool plain_context_;
  const ReportError& report_;
  ProbeReads reads_;
  std::vector<llvm::LoadInst*> loads_;
  std::vector<llvm::MemTransferInst*> copies_;
  std::vector<std::pair<llvm::CallInst*, unsigned>> compares_;
};

/// Contexts of programs that the kernel hands pointers they may follow themselves: to
/// packets, sockets, and objects whose type the verifier knows.
constexpr auto kDirectContexts = std::to_array<llvm::StringRef>(
    {"__sk_buff", "xdp_md", "sk_msg_md", "bpf_sock", "bpf_sock_ops", "bpf_sock_addr",
     "bpf_sockopt", "bpf_sysctl", "bpf_cgroup_dev_ctx", "bpf_sk_lookup",
     "sk_reuseport_md", "bpf_nf_ctx", "other"});

/// Programs that the C itself marks, annotate("ebl-context:pt_regs"), are probes too.
void mark_annotated(llvm::Module& module) {
  constexpr llvm::StringLiteral prefix = "ebl-context:";
  const llvm::GlobalVariable* list = module.getGlobalVariable("llvm.global.annotations");
  const auto* entries =
      list ? llvm::dyn_cast<llvm::ConstantArray>(list->getInitializer()) : nullptr;
  if (!entries) return;
  for (const llvm::Use& entry : entries->operands()) {
    const auto* fields = llvm::dyn_cast<llvm::ConstantStruct>(entry);
    if (!fields || fields->getNumOperands() < 2) continue;
    auto* function =
        llvm::dyn_cast<llvm::Function>(fields->getOperand(0)->stripPointerCasts());
    const auto* text =
        llvm::dyn_cast<llvm::GlobalVariable>(fields->getOperand(1)->stripPointerCasts());
    if (!function || !text || !text->hasInitializer()) continue;
    const auto* words = llvm::dyn_cast<llvm::ConstantDataArray>(text->getInitializer());
    llvm::StringRef context = words && words->isCString() ? words->getAsCString() : "";
    if (context.consume_front(prefix)) function->addFnAttr(kContextAttribute, context);
  }
}

llvm::StringRef context_of(const llvm::Function& function) {
  return function.getFnAttribute(kContextAttribute).getValueAsString();
}

bool is_probe(const llvm::Function& function) {
  const llvm::StringRef context = context_of(function);
  return !function.isDeclaration() && !context.empty() &&
         !context.starts_with("bpf_iter__") &&
         !llvm::is_contained(kDirectContexts, context);
}

/// Whether the context is memory as it looks, which a helper may read too; else the
/// verifier turns each access of it into another.
bool has_plain_context(const llvm::Function& function) {
  return context_of(function) != "bpf_perf_event_data";
}

/// The callbacks that `function` hands to helpers, and those that these hand on.
void collect_callbacks(const llvm::Function& function,
                       llvm::SetVector<llvm::Function*>& out) {
  for (const llvm::Instruction& instruction : llvm::instructions(function))
    for (const llvm::Value* operand : instruction.operands())
      if (auto* callback = llvm::dyn_cast<llvm::Function>(operand->stripPointerCasts()))
        if (!callback->isDeclaration() &&
            out.insert(const_cast<llvm::Function*>(callback)))
          collect_callbacks(*callback, out);
}

}  // namespace

llvm::PreservedAnalyses ImplicitDereferencePass::run(llvm::Module& module,
                                                     llvm::ModuleAnalysisManager&) {
  mark_annotated(module);
  llvm::SetVector<llvm::Function*> callbacks;
  for (llvm::Function& function : module) {
    if (!is_probe(function)) continue;
    Rewriter(function, true, has_plain_context(function), report_).run();
    collect_callbacks(function, callbacks);
  }
  for (llvm::Function* callback : callbacks)
    if (!is_probe(*callback)) Rewriter(*callback, false, true, report_).run();
  return llvm::PreservedAnalyses::none();
}

void add_implicit_dereference(llvm::ModulePassManager& passes, ReportError report) {
  passes.addPass(InlineStaticFunctions());
  // A map's method is called through a constant table: the table is read first, so that
  // the call has a name and can be inlined.
  passes.addPass(llvm::createModuleToFunctionPassAdaptor(llvm::InstSimplifyPass()));
  passes.addPass(llvm::AlwaysInlinerPass());
  // Variables become values, unused reads go, and equal ones are joined.
  llvm::FunctionPassManager values;
  values.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  values.addPass(llvm::EarlyCSEPass(true));
  passes.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(values)));
  passes.addPass(ImplicitDereferencePass(std::move(report)));
}

}  // namespace ebl::compile
