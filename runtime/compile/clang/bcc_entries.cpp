#include "compile/clang/bcc_entries.h"

#include <clang/AST/Attr.h>
#include <clang/Basic/SourceManager.h>

#include <algorithm>
#include <array>
#include <optional>

namespace ebl::compile {
namespace {

using clang::FunctionDecl;
using clang::QualType;

/// The name of a system call's function on this machine begins like this.
constexpr llvm::StringRef kSyscallPrefix =
#if defined(__x86_64__)
    "__x64_sys_";
#elif defined(__aarch64__)
    "__arm64_sys_";
#elif defined(__s390x__)
    "__s390x_sys_";
#elif defined(__riscv)
    "__riscv_sys_";
#else
    "sys_";
#endif

constexpr auto kSyscallPrefixes = std::to_array<llvm::StringRef>(
    {"sys_", "__x64_sys_", "__x32_compat_sys_", "__ia32_compat_sys_", "__arm64_sys_",
     "__s390x_sys_", "__s390_sys_", "__riscv_sys_"});

/// The system call in "__x64_sys_openat", whatever machine that is of.
std::optional<llvm::StringRef> syscall_in(llvm::StringRef function) {
  for (llvm::StringRef prefix : kSyscallPrefixes)
    if (function.consume_front(prefix) && !function.empty()) return function;
  return std::nullopt;
}

struct NameForm {
  llvm::StringRef prefix;
  llvm::StringRef section;
};

constexpr auto kFunctionForms = std::to_array<NameForm>({
    {"kprobe__", "kprobe/"},
    {"kretprobe__", "kretprobe/"},
});

/// prefix + module + "__" + function
constexpr auto kModuleForms = std::to_array<NameForm>({
    {"kfunc__", "fentry/"},
    {"kretfunc__", "fexit/"},
});

constexpr auto kPlainForms = std::to_array<NameForm>({
    {"raw_tracepoint__", "raw_tracepoint/"},
    {"kmod_ret__", "fmod_ret/"},
    {"lsm__", "lsm/"},
    {"bpf_iter__", "iter/"},
});

/// The SEC() name of a program that is called `name`.
std::string section_of(llvm::StringRef name) {
  llvm::StringRef rest = name;
  for (const NameForm& form : kFunctionForms) {
    if (!rest.consume_front(form.prefix) || rest.empty()) continue;
    const auto syscall = syscall_in(rest);
    const std::string function = syscall ? (kSyscallPrefix + *syscall).str() : rest.str();
    return form.section.str() + function;
  }
  if (rest.consume_front("tracepoint__")) {
    const auto [category, event] = rest.split("__");
    if (!category.empty() && !event.empty())
      return ("tracepoint/" + category + "/" + event).str();
  }
  for (const NameForm& form : kModuleForms) {
    rest = name;
    if (!rest.consume_front(form.prefix)) continue;
    const llvm::StringRef function = rest.split("__").second;
    if (!function.empty()) return (form.section + function).str();
  }
  for (const NameForm& form : kPlainForms) {
    rest = name;
    if (rest.consume_front(form.prefix) && !rest.empty())
      return (form.section + rest).str();
  }
  return ("bcc/" + name).str();
}

/// What the first parameter points to, as BccEntry::context; nullopt where it is no
/// pointer.
std::optional<std::string> context_of(const FunctionDecl* function) {
  if (function->param_empty()) return "void";
  const QualType type = function->getParamDecl(0)->getType();
  if (!type->isPointerType()) return std::nullopt;
  const QualType pointee = type->getPointeeType();
  if (pointee->isVoidType()) return "void";
  const clang::RecordDecl* record = pointee->getAsRecordDecl();
  const llvm::StringRef name =
      record && record->getIdentifier() ? record->getName() : llvm::StringRef();
  if (name == "pt_regs") return "pt_regs";
  if (name == "bpf_raw_tracepoint_args") return "raw_tracepoint";
  if (name.starts_with("tracepoint__")) return "tracepoint";
  return name.empty() ? "other" : name.str();
}

bool is_syscall_form(llvm::StringRef name) {
  if (name.starts_with("syscall__")) return true;
  return name.consume_front("kprobe__") && syscall_in(name);
}

void always_inline(clang::ASTContext& context, FunctionDecl* function) {
  const bool has_choice = function->hasAttr<clang::AlwaysInlineAttr>() ||
                          function->hasAttr<clang::NoInlineAttr>();
  if (!has_choice) function->addAttr(clang::AlwaysInlineAttr::CreateImplicit(context));
}

}  // namespace

namespace {

constexpr unsigned kMostArguments = 6;  // that every processor passes in registers

/// Reports an argument that no register holds.
void check_arguments(clang::ASTContext& context, const FunctionDecl* function) {
  clang::DiagnosticsEngine& diagnostics = context.getDiagnostics();
  if (function->getNumParams() > kMostArguments + 1)
    diagnostics.Report(
        function->getParamDecl(kMostArguments + 1)->getLocation(),
        diagnostics.getCustomDiagID(
            clang::DiagnosticsEngine::Error,
            "too many arguments: only the first six of a function are in registers"));
  for (const clang::ParmVarDecl* parameter : function->parameters().drop_front()) {
    const QualType type = parameter->getType();
    if (type->isIntegralOrEnumerationType() && context.getTypeSize(type) <= 64) continue;
    if (type->isPointerType()) continue;
    diagnostics.Report(parameter->getLocation(),
                       diagnostics.getCustomDiagID(clang::DiagnosticsEngine::Error,
                                                   "an argument of type %0 is not in one "
                                                   "register; take a pointer or integer"))
        << type;
  }
}

}  // namespace

void mark_entry(clang::ASTContext& context, FunctionDecl* function, BccEntries& entries) {
  if (context.getSourceManager().isInSystemHeader(function->getLocation())) return;
  if (function->hasAttr<clang::SectionAttr>()) return;
  const std::optional<std::string> kind = context_of(function);
  const bool takes_more = function->getNumParams() > 1;
  const bool is_program = function->isExternallyVisible() && kind &&
                          (!takes_more || *kind == "pt_regs" || *kind == "void");
  if (!is_program) {
    always_inline(context, function);
    if (function->isExternallyVisible())
      entries.push_back({.function = function->getNameAsString(), .is_program = false});
    return;
  }
  const std::string section = section_of(function->getName());
  function->addAttr(clang::SectionAttr::CreateImplicit(context, section));
  BccEntry entry{.function = function->getNameAsString(), .context = *kind};
  if (takes_more) check_arguments(context, function);
  if (takes_more)
    entry.arguments =
        is_syscall_form(function->getName()) ? Arguments::syscall : Arguments::registers;
  if (takes_more)
    for (const clang::ParmVarDecl* parameter : function->parameters().drop_front())
      entry.used.push_back(parameter->isReferenced());
  entries.push_back(std::move(entry));
}

}  // namespace ebl::compile
