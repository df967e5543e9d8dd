// /etc/ld.so.cache.
#include <cstring>
#include <vector>

#include "symbols/library.h"

using namespace ebl;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::byte> bytes(size);
  if (size) std::memcpy(bytes.data(), data, size);
  static_cast<void>(symbols::parse_library_cache(bytes));
  return 0;
}
