// Verifier logs, explained.
#include "load/verifier_explanation.h"

using namespace ebl;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view log(reinterpret_cast<const char*>(data), size);
  static_cast<void>(
      load::explain_verifier_log(log, [](auto...) { return std::nullopt; }));
  return 0;
}
