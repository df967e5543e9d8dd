#include "base/error.h"

#include <cstring>

namespace ebl {

const char* to_string(Stage stage) {
  switch (stage) {
    case Stage::usage: return "usage";
    case Stage::plan: return "plan";
    case Stage::compile: return "compile";
    case Stage::load: return "load";
    case Stage::attach: return "attach";
    case Stage::read: return "read";
    case Stage::symbols: return "symbols";
    case Stage::script: return "script";
  }
  return "unknown";
}

const char* to_string(Code code) {
  switch (code) {
    case Code::invalid: return "invalid";
    case Code::not_found: return "not_found";
    case Code::compile: return "compile";
    case Code::verifier: return "verifier";
    case Code::not_permitted: return "not_permitted";
    case Code::not_supported: return "not_supported";
    case Code::io: return "io";
    case Code::interrupted: return "interrupted";
    case Code::internal: return "internal";
  }
  return "unknown";
}

int exit_code(const Error& error) {
  if (error.code == Code::interrupted) return 0;
  if (error.stage == Stage::usage) return 2;
  if (error.code == Code::not_permitted) return 3;
  if (error.code == Code::not_supported) return 4;
  return 1;
}

std::string errno_text(int error_number) {
  constexpr int kNotSupportedInKernel = 524;  // no errno of C's, but bpf(2) returns it
  if (error_number == kNotSupportedInKernel) return "ENOTSUPP (Not supported)";
  const char* name = strerrorname_np(error_number);
  std::string text = strerrordesc_np(error_number) ? strerrordesc_np(error_number) : "";
  if (!name) return "error " + std::to_string(error_number);
  return std::string(name) + " (" + text + ")";
}

}  // namespace ebl
