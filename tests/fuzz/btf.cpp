// BTF bytes: parsed, then every type and the layout of each asked for.
#include "btf/btf.h"

#include <cstring>

#include "btf/layout.h"

using namespace ebl;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::byte> bytes(size);
  if (size) std::memcpy(bytes.data(), data, size);
  const Result<btf::Btf> btf = btf::Btf::from_bytes(std::move(bytes));
  if (!btf) return 0;
  for (btf::TypeId id = 0; id < btf->type_count() && id < 4096; id++) {
    static_cast<void>(btf->name(id));
    static_cast<void>(btf->size_of(id));
    static_cast<void>(btf->resolve(id));
    if (id < 64) static_cast<void>(btf::layout_of(*btf, id));
  }
  static_cast<void>(btf->find(btf::Kind::structure, "x"));
  return 0;
}
