// The argument strings of USDT notes; the first byte picks the machine.
#include <elf.h>

#include <optional>

#include "symbols/usdt_argument.h"

using namespace ebl;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr symbols::UsdtMachine kMachines[] = {EM_X86_64, EM_AARCH64, EM_386, EM_RISCV};
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  static_cast<void>(symbols::parse_usdt_arguments(
      text, kMachines[data[0] % 4],
      [](std::string_view) -> std::optional<std::int64_t> { return 8; }));
  return 0;
}
