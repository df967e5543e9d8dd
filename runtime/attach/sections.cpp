// The SEC() names that are ours and that libbpf 1.1.2 does not know.
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <mutex>
#include <string_view>

#include "attach/spec.h"

namespace ebl::attach {
namespace {

std::string_view after_slash(const bpf_program* program) {
  const std::string_view section = bpf_program__section_name(program);
  return section.substr(section.find('/') + 1);
}

/// "xdp/" comes before libbpf's own "xdp/devmap" and "xdp/cpumap", so it stands in for
/// them.
int set_up_xdp(bpf_program* program, long flags) {
  const std::string_view rest = after_slash(program);
  const bpf_attach_type type = rest == "devmap"   ? BPF_XDP_DEVMAP
                               : rest == "cpumap" ? BPF_XDP_CPUMAP
                                                  : BPF_XDP;
  bpf_program__set_expected_attach_type(program, type);
  if (flags == 0) return 0;
  return bpf_program__set_flags(program,
                                bpf_program__flags(program) | static_cast<__u32>(flags));
}

}  // namespace

void register_sections() {
  static std::once_flag once;
  std::call_once(once, [] {
    const auto none = static_cast<bpf_attach_type>(0);
    libbpf_register_prog_handler("interval/", BPF_PROG_TYPE_PERF_EVENT, none, nullptr);
    libbpf_register_prog_handler("perf/", BPF_PROG_TYPE_PERF_EVENT, none, nullptr);
    libbpf_prog_handler_opts opts = {.sz = sizeof opts, .prog_setup_fn = set_up_xdp};
    libbpf_register_prog_handler("xdp/", BPF_PROG_TYPE_XDP, BPF_XDP, &opts);
    opts.cookie = BPF_F_XDP_HAS_FRAGS;
    libbpf_register_prog_handler("xdp.frags/", BPF_PROG_TYPE_XDP, BPF_XDP, &opts);
  });
}

}  // namespace ebl::attach
