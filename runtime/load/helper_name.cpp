#include "load/helper_name.h"

#include <linux/bpf.h>

namespace ebl::load {

std::string helper_name(std::uint64_t number) {
#define EBL_NAME(name) #name
  static constexpr const char* kNames[] = {__BPF_FUNC_MAPPER(EBL_NAME)};
#undef EBL_NAME
  if (number == BPF_FUNC_unspec || number >= __BPF_FUNC_MAX_ID) return "";
  return std::string("bpf_") + kNames[number];
}

}  // namespace ebl::load
