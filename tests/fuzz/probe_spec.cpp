// Probe specifications, as scripts and SEC() write them.
#include "attach/spec.h"

using namespace ebl;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<attach::ProbeSpec> spec = attach::parse_probe_spec(text);
  // What a specification is shown as must be read as the same.
  if (spec) {
    const std::string shown = spec->text();
    const Result<attach::ProbeSpec> again = attach::parse_probe_spec(shown);
    if (!again || again->text() != shown) __builtin_trap();
  }
  return 0;
}
