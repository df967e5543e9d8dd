#include "compile/clang/compilation.h"

#include <clang/Basic/FileManager.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/CompilerInvocation.h>
#include <llvm/Support/MemoryBuffer.h>

#include <optional>

#include "compile/clang/code_generation.h"
#include "compile/clang/diagnostics.h"
#include "compile/clang/file_system.h"
#include "compile/clang/invocation.h"
#include "compile/clang/listing.h"
#include "compile/clang/name_advice.h"
#include "compile/clang/name_scan.h"
#include "compile/clang/section_offsets.h"
#include "compile/clang/source_lines.h"
#include "compile/clang/tracepoint_formats.h"

extern "C" {
#if defined(__x86_64__)
void LLVMInitializeX86TargetInfo();
void LLVMInitializeX86TargetMC();
void LLVMInitializeX86Disassembler();
#elif defined(__aarch64__)
void LLVMInitializeAArch64TargetInfo();
void LLVMInitializeAArch64TargetMC();
void LLVMInitializeAArch64Disassembler();
#endif
}

namespace ebl::compile {
namespace {

/// Only for what was jited: code is generated for BPF alone.
void set_up_native_machine() {
#if defined(__x86_64__)
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86Disassembler();
#elif defined(__aarch64__)
  LLVMInitializeAArch64TargetInfo();
  LLVMInitializeAArch64TargetMC();
  LLVMInitializeAArch64Disassembler();
#endif
}

constexpr std::string_view kElf(
    "\x7f"
    "ELF",
    4);

/// The parsed command line; its diagnostic options are needed before anything is
/// compiled.
std::shared_ptr<clang::CompilerInvocation> parse_arguments(
    const std::vector<std::string>& arguments) {
  std::vector<const char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  auto invocation = std::make_shared<clang::CompilerInvocation>();
  clang::IgnoringDiagConsumer ignored;
  const auto options = llvm::makeIntrusiveRefCnt<clang::DiagnosticOptions>();
  const auto diagnostics =
      clang::CompilerInstance::createDiagnostics(options.get(), &ignored, false);
  clang::CompilerInvocation::CreateFromArgs(*invocation, pointers, *diagnostics);
  invocation->getFrontendOpts().Inputs.clear();
  return invocation;
}

/// One CompilerInstance with everything but its action.
class Session {
 public:
  Session(const clang::CompilerInvocation& invocation, const CompilationInput& input,
          llvm::IntrusiveRefCntPtr<SourceFileSystem> files,
          clang::DiagnosticConsumer& diagnostics)
      : buffer_(llvm::MemoryBuffer::getMemBufferCopy(
            llvm::StringRef(input.text.data(), input.text.size()), input.name)) {
    auto copy = std::make_shared<clang::CompilerInvocation>(invocation);
    copy->getFrontendOpts().Inputs.emplace_back(buffer_->getMemBufferRef(),
                                                clang::InputKind(clang::Language::C));
    copy->getCodeGenOpts().MainFileName = input.name;
    instance_.setInvocation(std::move(copy));
    instance_.createDiagnostics(&diagnostics, false);
    instance_.setFileManager(
        new clang::FileManager(clang::FileSystemOptions(), std::move(files)));
  }

  clang::CompilerInstance& instance() { return instance_; }

 private:
  std::unique_ptr<llvm::MemoryBuffer> buffer_;
  clang::CompilerInstance instance_;
};

/// Whether the message quotes a name that BTF would have had: 'u32', 'struct
/// task_struct'.
bool names_a_missing_type(llvm::StringRef message, const KernelSource& kernel) {
  while (!message.empty()) {
    llvm::StringRef quoted;
    std::tie(std::ignore, message) = message.split('\'');
    std::tie(quoted, message) = message.split('\'');
    llvm::SmallVector<llvm::StringRef, 8> words;
    llvm::SplitString(quoted, words, " *()[]");
    for (const llvm::StringRef word : words)
      if (kernel.missing().contains(word)) return true;
  }
  return false;
}

void explain(CompilationOutput& out, const Diagnostics& diagnostics, KernelBtf& kernel,
             const KernelSource& source, const TextTraits& traits) {
  out.message = diagnostics.first_message();
  out.location = diagnostics.first_location();
  out.hint = diagnostics.first_hint();
  if (out.message.empty()) out.message = "clang produced no object";
  if (kernel.present() && out.hint.empty())
    out.hint = advise(kernel, traits, out.message, diagnostics.first_line());
  if (kernel.present() || !names_a_missing_type(out.message, source)) return;
  out.needs_btf = true;
  out.message = kernel.problem().message + " (" + out.message + ")";
  out.hint = kernel.problem().hint;
}

/// The error of a text that has signs of both dialects.
CompilationOutput mixed_dialects(const DialectSigns& signs) {
  const auto place = [](const DialectSign& sign) {
    return "line " + std::to_string(sign.location.line) + " (" + sign.what + ")";
  };
  CompilationOutput out;
  out.message = place(*signs.bcc) + " is BCC C and " + place(*signs.libbpf) +
                " is libbpf C: a text is written in one of them";
  out.hint = "dialect = \"bcc\" or \"libbpf\" decides; split the text if it needs both";
  out.location = signs.bcc->location;
  out.diagnostics = out.message + "\n";
  return out;
}

/// One run of clang over the text. `words`: see SourceFileSystem.
CompilationOutput attempt(KernelBtf& kernel, const CompilationInput& input,
                          const clang::CompilerInvocation& invocation, Dialect dialect,
                          const TextTraits& traits, const Tags& own_tags,
                          const std::set<std::string>& tracepoints,
                          const llvm::StringSet<>* words, bool& has_generated) {
  CompilationOutput out;
  clang::CompilerInvocation options(invocation);
  std::vector<LocalVariable> locals;
  Diagnostics diagnostics(options.getDiagnosticOpts(), locals);
  auto files =
      llvm::makeIntrusiveRefCnt<SourceFileSystem>(input.directories, dialect, words);
  TracepointRecords records = tracepoint_records_in(input.tracefs, tracepoints, own_tags);
  files->serve_tracepoints(std::move(records.text));
  Session session(options, input, files, diagnostics);
  clang::CompilerInstance& instance = session.instance();
  instance.setOutputStream(std::make_unique<llvm::raw_svector_ostream>(out.object));
  auto source = llvm::makeIntrusiveRefCnt<KernelSource>(kernel, own_tags);
  std::string ir;
  CodeGeneration action(source, dialect, locals, input.listing == "ir" ? &ir : nullptr);
  out.ok = instance.ExecuteAction(action) && !diagnostics.has_error();
  if (out.ok) fill_section_offsets(out.object);
  out.diagnostics = diagnostics.text();
  out.files_read = files->files_read();
  out.files_read.merge(records.files);
  out.files_read.insert(kernel.modules_used().begin(), kernel.modules_used().end());
  out.files_missing = files->files_missing();
  if (!out.ok) explain(out, diagnostics, kernel, *source, traits);
  if (out.ok) {
    const llvm::StringRef object(out.object.data(), out.object.size());
    if (input.listing == "ir") out.listing = std::move(ir);
    if (input.listing == "asm") out.listing = disassembly(object);
    if (input.listing == "relocs") out.listing = relocations(object, kernel);
  }
  has_generated = action.has_generated();
  return out;
}

/// Bare instructions are listed: "bpf", or "native ADDRESS" of what the kernel's JIT
/// made.
std::optional<std::string> code_listing(const CompilationInput& input) {
  llvm::StringRef what(input.listing);
  const llvm::StringRef code(input.text.data(), input.text.size());
  if (what == "bpf") return instructions(code, 0, InstructionPrinter::bpf);
  std::uint64_t address = 0;
  if (!what.consume_front("native ") || what.getAsInteger(16, address))
    return std::nullopt;
  set_up_native_machine();
  return instructions(code, address, InstructionPrinter::native);
}

}  // namespace

CompilationOutput compile_text(KernelBtf& kernel, const CompilationInput& input) {
  if (auto listing = code_listing(input)) {
    CompilationOutput out{.ok = true};
    out.listing = *std::move(listing);
    return out;
  }
  // A compiled object is only listed.
  if (input.text.starts_with(kElf)) {
    CompilationOutput out{.ok = true};
    const llvm::StringRef object(input.text.data(), input.text.size());
    out.listing = input.listing == "relocs" ? relocations(object, kernel)
                  : input.listing == "asm"  ? disassembly(object)
                                            : "a compiled object has no IR\n";
    return out;
  }
  const TextTraits traits = scan_text(input.text, input.name);
  if (input.dialect.empty() && traits.signs.bcc && traits.signs.libbpf)
    return mixed_dialects(traits.signs);
  const bool is_bcc =
      input.dialect.empty() ? traits.signs.bcc.has_value() : input.dialect == "bcc";
  const Dialect dialect = is_bcc ? Dialect::bcc : Dialect::libbpf;
  const auto invocation = parse_arguments(
      front_end_arguments(traits, dialect, input.arguments, input.directories));
  bool has_generated = false;
  // Nearly every text defines its types in plain sight and names its helpers. Then it
  // needs no run of the preprocessor ahead, and few declarations of helpers, which saves
  // a fifth of a compile. Any error, and a type that a macro defines, take
  // the long way, whose diagnostics know all names.
  if (!traits.reads_files) {
    CompilationOutput out =
        attempt(kernel, input, *invocation, dialect, traits, traits.tags,
                traits.tracepoints, &traits.words, has_generated);
    if (has_generated) return out;
  }
  clang::IgnoringDiagConsumer ignored;
  Session scan(
      *invocation, input,
      llvm::makeIntrusiveRefCnt<SourceFileSystem>(input.directories, dialect, nullptr),
      ignored);
  const ExpandedNames names = expanded_names(scan.instance());
  return attempt(kernel, input, *invocation, dialect, traits, names.tags,
                 names.tracepoints, nullptr, has_generated);
}

}  // namespace ebl::compile
