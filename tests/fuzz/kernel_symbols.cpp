// The text of /proc/kallsyms.
#include "symbols/kernel.h"

using namespace ebl;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Result<symbols::KernelSymbols> kernel =
      symbols::KernelSymbols::parse({reinterpret_cast<const char*>(data), size});
  if (!kernel) return 0;
  static_cast<void>(kernel->at(0xffffffff81000010));
  static_cast<void>(kernel->find("schedule"));
  static_cast<void>(kernel->function_names());
  return 0;
}
