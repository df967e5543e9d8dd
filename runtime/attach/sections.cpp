// The SEC() names that are ours and that libbpf 1.1.2 does not know.
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <mutex>
#include <string_view>

#include "attach/link_create.h"
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

/// "tcx/ingress", "tcx/eth0/ingress" and the same for netkit: `second` is the type of a
/// name that ends in `word`.
int set_up_either(bpf_program* program, std::string_view word, bpf_attach_type first,
                  bpf_attach_type second) {
  const std::string_view section = bpf_program__section_name(program);
  return bpf_program__set_expected_attach_type(program,
                                               section.ends_with(word) ? second : first);
}
int set_up_tcx(bpf_program* program, long) {
  return set_up_either(program, "/egress", type_tcx_ingress, type_tcx_egress);
}
int set_up_netkit(bpf_program* program, long) {
  return set_up_either(program, "/peer", type_netkit_primary, type_netkit_peer);
}

/// "uprobe.multi.s": may sleep.
int set_up_sleepable(bpf_program* program, long) {
  return bpf_program__set_flags(program, bpf_program__flags(program) | BPF_F_SLEEPABLE);
}

void register_uprobes() {
  const libbpf_prog_handler_opts sleepable = {.sz = sizeof sleepable,
                                              .prog_setup_fn = set_up_sleepable};
  constexpr auto type = BPF_PROG_TYPE_KPROBE;
  libbpf_register_prog_handler("uprobe.multi+", type, type_uprobe_multi, nullptr);
  libbpf_register_prog_handler("uretprobe.multi+", type, type_uprobe_multi, nullptr);
  libbpf_register_prog_handler("uprobe.session+", type, type_uprobe_session, nullptr);
  libbpf_register_prog_handler("uprobe.multi.s+", type, type_uprobe_multi, &sleepable);
  libbpf_register_prog_handler("uretprobe.multi.s+", type, type_uprobe_multi, &sleepable);
  libbpf_register_prog_handler("uprobe.session.s+", type, type_uprobe_session,
                               &sleepable);
}

struct UnixHook {
  const char* section;
  bpf_attach_type type;
};
constexpr UnixHook unix_hooks[] = {{"cgroup/connect_unix", type_unix_connect},
                                   {"cgroup/sendmsg_unix", type_unix_sendmsg},
                                   {"cgroup/recvmsg_unix", type_unix_recvmsg},
                                   {"cgroup/getpeername_unix", type_unix_getpeername},
                                   {"cgroup/getsockname_unix", type_unix_getsockname}};

}  // namespace

void register_sections() {
  static std::once_flag once;
  std::call_once(once, [] {
    const auto none = static_cast<bpf_attach_type>(0);
    libbpf_register_prog_handler("interval/", BPF_PROG_TYPE_PERF_EVENT, none, nullptr);
    libbpf_register_prog_handler("perf/", BPF_PROG_TYPE_PERF_EVENT, none, nullptr);
    libbpf_register_prog_handler("breakpoint/", BPF_PROG_TYPE_PERF_EVENT, none, nullptr);
    libbpf_prog_handler_opts opts = {.sz = sizeof opts, .prog_setup_fn = set_up_xdp};
    libbpf_register_prog_handler("xdp/", BPF_PROG_TYPE_XDP, BPF_XDP, &opts);
    opts.cookie = BPF_F_XDP_HAS_FRAGS;
    libbpf_register_prog_handler("xdp.frags/", BPF_PROG_TYPE_XDP, BPF_XDP, &opts);
    opts = {.sz = sizeof opts, .prog_setup_fn = set_up_tcx};
    libbpf_register_prog_handler("tcx/", BPF_PROG_TYPE_SCHED_CLS, none, &opts);
    opts.prog_setup_fn = set_up_netkit;
    libbpf_register_prog_handler("netkit/", BPF_PROG_TYPE_SCHED_CLS, none, &opts);
    libbpf_register_prog_handler("tc/", BPF_PROG_TYPE_SCHED_CLS, none, nullptr);
    libbpf_register_prog_handler("socket_filter+", BPF_PROG_TYPE_SOCKET_FILTER, none,
                                 nullptr);
    libbpf_register_prog_handler("sk_skb/verdict", BPF_PROG_TYPE_SK_SKB,
                                 BPF_SK_SKB_VERDICT, nullptr);
    libbpf_register_prog_handler("netfilter+",
                                 static_cast<bpf_prog_type>(program_netfilter),
                                 type_netfilter, nullptr);
    libbpf_register_prog_handler("kprobe.session+", BPF_PROG_TYPE_KPROBE,
                                 type_kprobe_session, nullptr);
    opts = {.sz = sizeof opts, .prog_setup_fn = set_up_sleepable};
    libbpf_register_prog_handler("struct_ops.s+", BPF_PROG_TYPE_STRUCT_OPS, none, &opts);
    register_uprobes();
    for (const UnixHook& hook : unix_hooks)
      libbpf_register_prog_handler(hook.section, BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
                                   hook.type, nullptr);
  });
}

}  // namespace ebl::attach
