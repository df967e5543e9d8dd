// Compiled objects that scripts name: the lines of their instructions.
#include "load/line_info.h"

using namespace ebl;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const load::LineTable lines =
      load::LineTable::read({reinterpret_cast<const std::byte*>(data), size});
  for (std::size_t i = 0; i < 16; i++) static_cast<void>(lines.find("program", i));
  return 0;
}
