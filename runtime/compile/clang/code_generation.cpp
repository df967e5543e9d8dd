#include "compile/clang/code_generation.h"

#include <clang/AST/ASTContext.h>
#include <clang/Basic/Builtins.h>
#include <clang/Basic/DiagnosticSema.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/MultiplexConsumer.h>
#include <clang/Lex/Preprocessor.h>
#include <llvm/IRPrinter/IRPrintingPasses.h>
#include <llvm/Passes/PassBuilder.h>

#include "compile/clang/bcc_expressions.h"
#include "compile/clang/bcc_license.h"
#include "compile/clang/bcc_map_calls.h"
#include "compile/clang/bcc_maps.h"
#include "compile/clang/bit_fields.h"
#include "compile/clang/implicit_dereference.h"
#include "compile/clang/local_variables.h"
#include "compile/clang/loss_counters.h"
#include "compile/clang/record_types.h"
#include "compile/clang/retained_variables.h"
#include "compile/clang/source_lines.h"

namespace ebl::compile {
namespace {

/// Adds what the text leaves out, after it has been parsed and before code is generated.
class Completion : public clang::ASTConsumer {
 public:
  /// `entries` is null where the text is not BCC C.
  Completion(clang::CompilerInstance& instance, clang::ASTConsumer& code,
             KernelSource& kernel, BccEntries* entries,
             std::vector<LocalVariable>& locals, bool& has_generated)
      : context_(instance.getASTContext()),
        preprocessor_(instance.getPreprocessor()),
        code_(code),
        kernel_(kernel),
        entries_(entries),
        locals_(locals),
        has_generated_(has_generated) {}

  /// Ahead of the generation of code, which keeps the types as it first sees them.
  bool HandleTopLevelDecl(clang::DeclGroupRef group) override {
    for (clang::Decl* declaration : group) {
      kernel_.complete_for_btf(*declaration);
      if (entries_) complete_bcc(declaration);
    }
    return true;
  }

  void HandleTranslationUnit(clang::ASTContext& context) override {
    clang::DiagnosticsEngine& diagnostics = context.getDiagnostics();
    if (diagnostics.hasErrorOccurred()) return;
    if (kernel_.text_redefines_a_type()) {
      // An error ends the compile before the back end; compile_text() then tries again.
      diagnostics.Report(diagnostics.getCustomDiagID(
          clang::DiagnosticsEngine::Error, "a type of the kernel is defined by a macro"));
      return;
    }
    has_generated_ = true;
    locals_ = big_local_variables(context);
    RetainedVariables variables(context, code_);
    for (const auto& [map, type] : map_calls_.record_types())
      variables.add_type("__ebl_record_" + map, type);
    for (const auto& [map, type] : record_types(context))
      variables.add_type("__ebl_record_" + map, type);
    for (const auto& [name, type] : own_types(context))
      variables.add_type("__ebl_type_" + name, type);
    // Most helpers are for GPL programs only, and the kernel sees the licence at load.
    if (!has_section(context, "license"))
      variables.add_text("__ebl_license", "license",
                         entries_ ? bcc_license(preprocessor_) : std::string("GPL"));
  }

 private:
  void complete_bcc(clang::Decl* declaration) {
    if (context_.getDiagnostics().hasErrorOccurred()) return;
    if (auto* variable = llvm::dyn_cast<clang::VarDecl>(declaration))
      complete_bcc_map(context_, variable);
    auto* function = llvm::dyn_cast<clang::FunctionDecl>(declaration);
    if (!function || !function->isThisDeclarationADefinition()) return;
    map_calls_.rewrite(*kernel_.sema(), function);
    BccExpressions(*kernel_.sema()).rewrite(function);
    mark_entry(context_, function, *entries_);
  }

  clang::ASTContext& context_;
  clang::Preprocessor& preprocessor_;
  clang::ASTConsumer& code_;
  KernelSource& kernel_;
  BccEntries* entries_;
  BccMapCalls map_calls_;
  std::vector<LocalVariable>& locals_;
  bool& has_generated_;
};

/// Clang knows printf, log and index as functions, which would hide kernel names and
/// promise functions that BPF does not have. These few are expanded inline.
void keep_inline_builtins(clang::Preprocessor& preprocessor) {
  clang::IdentifierTable& identifiers = preprocessor.getIdentifierTable();
  clang::Builtin::Context& builtins = preprocessor.getBuiltinInfo();
  static constexpr llvm::StringRef kKept[] = {"memcpy", "memmove", "memset", "memcmp"};
  for (unsigned id = 1; id < clang::Builtin::FirstTSBuiltin; id++) {
    if (!builtins.isPredefinedLibFunction(id)) continue;
    const llvm::StringRef name = builtins.getName(id);
    if (name.starts_with("__") || llvm::is_contained(kKept, name)) continue;
    const auto found = identifiers.find(name);
    if (found != identifiers.end() && found->second->getBuiltinID() == id)
      found->second->clearBuiltinID();
  }
}

/// For errors that only the module shows.
ReportError error_reporter(clang::DiagnosticsEngine& diagnostics) {
  return [&diagnostics](const llvm::DebugLoc& place, const std::string& message) {
    const unsigned id =
        diagnostics.getCustomDiagID(clang::DiagnosticsEngine::Error, "%0");
    diagnostics.Report(location_of(diagnostics.getSourceManager(), place), id) << message;
  };
}

/// Whether a text of the libbpf dialect asks for implicit dereference in the programs
/// that it marks: <ebl/quick.h> does.
bool follow_pointers(clang::CompilerInstance& instance) {
  return instance.getPreprocessor().isMacroDefined("EBL_FOLLOW_POINTERS");
}

}  // namespace

std::unique_ptr<clang::ASTConsumer> CodeGeneration::CreateASTConsumer(
    clang::CompilerInstance& instance, llvm::StringRef file) {
  clang::ASTContext& context = instance.getASTContext();
  kernel_->start(context);
  context.setExternalSource(kernel_);
  instance.setExternalSemaSource(kernel_);
  // Clang leaves its builtins out when there is an external source: a module would have
  // them.
  clang::Preprocessor& preprocessor = instance.getPreprocessor();
  preprocessor.getBuiltinInfo().initializeBuiltins(preprocessor.getIdentifierTable(),
                                                   instance.getLangOpts());
  keep_inline_builtins(preprocessor);
  // memcpy() and the like need no #include <string.h>.
  instance.getDiagnostics().setSeverity(clang::diag::ext_implicit_lib_function_decl_c99,
                                        clang::diag::Severity::Ignored, {});
  instance.getDiagnostics().setSeverity(clang::diag::ext_implicit_lib_function_decl,
                                        clang::diag::Severity::Ignored, {});

  instance.getCodeGenOpts().PassBuilderCallbacks.emplace_back(
      [&instance, this](llvm::PassBuilder& builder) {
        builder.registerPipelineStartEPCallback(
            [&instance, &diagnostics = instance.getDiagnostics(), this](
                llvm::ModulePassManager& passes, llvm::OptimizationLevel) {
              // Before the passes that the BPF back end has put there.
              llvm::ModulePassManager back_end = std::move(passes);
              passes = llvm::ModulePassManager();
              passes.addPass(BitFieldsPass());
              passes.addPass(std::move(back_end));
              passes.addPass(EntryPass(entries_));
              passes.addPass(SourceLinesPass(diagnostics.getSourceManager()));
              if (dialect_ == Dialect::bcc || follow_pointers(instance))
                add_implicit_dereference(passes, error_reporter(diagnostics));
            });
        builder.registerOptimizerLastEPCallback(
            [](llvm::ModulePassManager& passes, llvm::OptimizationLevel) {
              passes.addPass(LossCountersPass());
            });
      });
  if (ir_) {
    ir_stream_ = std::make_unique<llvm::raw_string_ostream>(*ir_);
    instance.getCodeGenOpts().PassBuilderCallbacks.emplace_back(
        [this](llvm::PassBuilder& builder) {
          builder.registerOptimizerLastEPCallback(
              [this](llvm::ModulePassManager& passes, llvm::OptimizationLevel) {
                passes.addPass(llvm::PrintModulePass(*ir_stream_));
              });
        });
  }
  std::unique_ptr<clang::ASTConsumer> code =
      clang::EmitObjAction::CreateASTConsumer(instance, file);
  if (!code) return nullptr;
  std::vector<std::unique_ptr<clang::ASTConsumer>> consumers;
  consumers.push_back(std::make_unique<Completion>(
      instance, *code, *kernel_, dialect_ == Dialect::bcc ? &entries_ : nullptr, locals_,
      has_generated_));
  consumers.push_back(std::move(code));
  return std::make_unique<clang::MultiplexConsumer>(std::move(consumers));
}

}  // namespace ebl::compile
