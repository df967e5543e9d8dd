// The C interface of compiler.so over compile_text().
#include <clang/Basic/Stack.h>
#include <llvm/Support/ErrorHandling.h>

#include <new>

#include "compile/clang/compilation.h"
#include "compile/compiler_abi.h"

extern "C" {
void LLVMInitializeBPFTarget();
void LLVMInitializeBPFTargetInfo();
void LLVMInitializeBPFTargetMC();
void LLVMInitializeBPFAsmPrinter();
void LLVMInitializeBPFAsmParser();
void LLVMInitializeBPFDisassembler();
}

struct ebl_compiler {
  explicit ebl_compiler(const char* btf_path) : kernel(btf_path) {}
  ebl::compile::KernelBtf kernel;
};

namespace {

/// What the pointers of a result point into; lives until the process ends.
struct Kept {
  ebl::compile::CompilationOutput output;
  std::string files;
  std::string missing;
};

ebl_compile_request* failing_request(const ebl_compile_request* set = nullptr) {
  // The handlers of LLVM and of operator new have no other way to their caller. A process
  // does one compile.
  static ebl_compile_request request;
  if (set) request = *set;
  return &request;
}

void install_failure_handlers(const ebl_compile_request* request) {
  failing_request(request);
  llvm::install_fatal_error_handler([](void*, const char* reason, bool) {
    failing_request()->fatal(failing_request()->context, reason);
  });
  llvm::install_bad_alloc_error_handler([](void*, const char*, bool) {
    failing_request()->out_of_memory(failing_request()->context);
  });
  std::set_new_handler(
      [] { failing_request()->out_of_memory(failing_request()->context); });
}

std::vector<std::string> strings(const char* const* texts, size_t count) {
  return {texts, texts + count};
}

}  // namespace

uint32_t ebl_compiler_abi(void) {
  return EBL_COMPILER_ABI;
}

ebl_compiler* ebl_compiler_init(const char* btf_path) {
  LLVMInitializeBPFTarget();
  LLVMInitializeBPFTargetInfo();
  LLVMInitializeBPFTargetMC();
  LLVMInitializeBPFAsmPrinter();
  LLVMInitializeBPFAsmParser();
  LLVMInitializeBPFDisassembler();
  return new ebl_compiler(btf_path);
}

ebl_compile_result ebl_compiler_compile(ebl_compiler* compiler,
                                        const ebl_compile_request* request) {
  install_failure_handlers(request);
  clang::noteBottomOfStack();
  auto* kept = new Kept{
      .output = ebl::compile::compile_text(
          compiler->kernel,
          {.text = {request->text, request->text_size},
           .name = request->name[0] ? request->name : "source.c",
           .dialect = request->dialect,
           .tracefs = request->tracefs,
           .arguments = strings(request->arguments, request->argument_count),
           .directories = strings(request->directories, request->directory_count),
           .listing = request->listing}),
      .files = {},
      .missing = {}};
  const ebl::compile::CompilationOutput& output = kept->output;
  for (const ebl::compile::ReadFile& file : output.files_read)
    kept->files += file.digest + " " + file.path + "\n";
  for (const std::string& path : output.files_missing) kept->missing += path + "\n";
  return {
      .status = output.ok          ? EBL_COMPILE_OK
                : output.needs_btf ? EBL_COMPILE_NO_BTF
                                   : EBL_COMPILE_ERRORS,
      .object = reinterpret_cast<const uint8_t*>(output.object.data()),
      .object_size = output.object.size(),
      .diagnostics = output.diagnostics.c_str(),
      .message = output.message.c_str(),
      .hint = output.hint.c_str(),
      .file = output.location.file.c_str(),
      .line = static_cast<unsigned>(output.location.line),
      .column = static_cast<unsigned>(output.location.column),
      .files_read = kept->files.c_str(),
      .files_missing = kept->missing.c_str(),
      .listing = output.listing.c_str(),
  };
}
