// Entries of the object cache. Their digest is made right, or nothing behind it is tried.
#include "cache/digest.h"
#include "cache/entry.h"

using namespace ebl;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string key(32, '0');
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  static_cast<void>(cache::decode(key, body));
  const std::string whole = cache::encode(key, {});
  const std::string head = whole.substr(0, whole.find('\n') + 1);
  const Result<cache::Entry> entry =
      cache::decode(key, head + cache::digest(body) + std::string(body));
  if (entry && entry->object.size() > size) __builtin_trap();
  return 0;
}
