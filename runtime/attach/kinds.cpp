// The table of kinds.
#include "attach/kind.h"

namespace ebl::attach {

std::span<const KindInfo* const> all_kinds() {
  static constexpr const KindInfo* kinds[] = {
      &tracepoint_kind,
      &raw_tracepoint_kind,
      &tp_btf_kind,
      &kprobe_kind,
      &kretprobe_kind,
      &kprobe_session_kind,
      &ksyscall_kind,
      &kretsyscall_kind,
      &fentry_kind,
      &fexit_kind,
      &fmod_ret_kind,
      &freplace_kind,
      &uprobe_kind,
      &uretprobe_kind,
      &uprobe_session_kind,
      &usdt_kind,
      &perf_kind,
      &interval_kind,
      &xdp_kind,
      &tcx_kind,
      &netkit_kind,
      &cgroup_kind,
      &netfilter_kind,
      &sk_lookup_kind,
      &flow_dissector_kind,
      &tc_kind,
      &sockmap_kind,
      &socket_filter_kind,
      &sk_reuseport_kind,
      &lwt_kind,
      &seg6local_kind,
      &lirc_mode2_kind,
      &lsm_kind,
      &lsm_cgroup_kind,
      &iter_kind,
      &breakpoint_kind,
      &struct_ops_kind,
  };
  return kinds;
}

const KindInfo& info_of(Kind kind) {
  for (const KindInfo* info : all_kinds())
    if (info->kind == kind) return *info;
  return tracepoint_kind;  // not reached: a test walks the enumeration
}

HookType hook_type_of(const ProbeSpec& spec) {
  const KindInfo& info = info_of(spec.kind);
  if (info.hook_type) return info.hook_type(spec);
  return {info.type, info.attach_type, info.sections.front()};
}

std::string_view to_string(Kind kind) {
  return info_of(kind).word;
}

}  // namespace ebl::attach
