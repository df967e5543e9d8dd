// C texts through the compile server. Clang may refuse a text or crash on it: that is an
// Error; the host and the server live on.
#include <cstdio>
#include <memory>

#include "compile/compiler.h"

using namespace ebl;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static compile::Compiler compiler = [] {
    Result<compile::Compiler> started = compile::Compiler::start(
        {.library = EBL_COMPILER_SO, .btf_path = "/sys/kernel/btf/vmlinux"});
    if (!started) {
      std::fputs(started.error().message.c_str(), stderr);
      __builtin_trap();
    }
    return std::move(*started);
  }();
  const Result<compile::Output> output = compiler.compile(
      {.text = {reinterpret_cast<const char*>(data), size}, .name = "fuzz.c"});
  if (output) return 0;
  if (output.error().message.find("died twice") != std::string::npos) __builtin_trap();
  if (output.error().code == Code::internal)
    std::fprintf(stderr, "%s\n", output.error().message.c_str());
  return 0;
}
