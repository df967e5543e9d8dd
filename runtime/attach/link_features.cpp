#include "attach/link_features.h"

#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "attach/kind.h"
#include "attach/link_create.h"
#include "attach/uprobe_multi.h"
#include "load/struct_ops.h"

namespace ebl::attach {
namespace {

/// A link that cannot be made, and the error that only a kernel with such links gives.
struct Trial {
  const char* name;
  bpf_prog_type program;
  bpf_attach_type type;
  int known_by;
  bool symbols = false;  ///< kprobe_multi: asks for a function that is nowhere
};

constexpr Trial trials[] = {
    {"kprobe_multi", BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI, ESRCH, true},
    {"kprobe_session", BPF_PROG_TYPE_KPROBE, type_kprobe_session, ESRCH, true},
    {"tcx", BPF_PROG_TYPE_SCHED_CLS, type_tcx_ingress, ENODEV},
    {"netkit", BPF_PROG_TYPE_SCHED_CLS, type_netkit_primary, ENODEV},
};

load::Feature answer(std::string name, int error, int known_by) {
  const bool available = error == known_by;
  return {.name = std::move(name),
          .available = available,
          .reason = available ? std::string() : errno_text(error)};
}

load::Feature probe(const Trial& trial) {
  const UniqueFd program = load_smallest(trial.program, trial.type);
  if (!program) return answer(trial.name, errno, trial.known_by);
  LinkRequest request{.type = static_cast<std::uint32_t>(trial.type)};
  const char* nowhere[] = {"ebl_no_such_function"};
  if (trial.symbols)
    request.kprobe_multi = {.flags = 0,
                            .count = 1,
                            .symbols = reinterpret_cast<std::uintptr_t>(nowhere),
                            .addresses = 0,
                            .cookies = 0};
  const UniqueFd link = create_link(program.get(), request);
  return answer(trial.name, link ? 0 : errno, trial.known_by);
}

load::Feature of_uprobes(const char* name, bpf_attach_type type) {
  return answer(name, has_uprobe_multi(type) ? 0 : EINVAL, 0);
}

/// Perf's own kind of event for single probes.
load::Feature of_perf(const char* name) {
  const std::string path = std::string("/sys/bus/event_source/devices/") + name + "/type";
  if (::access(path.c_str(), F_OK) == 0)
    return {.name = name, .available = true, .reason = {}};
  return {.name = name, .available = false, .reason = "there is no " + path};
}

load::Feature of_struct_ops() {
  const bool known = load::kernel_has_struct_ops_links();
  return {
      .name = "struct_ops",
      .available = known,
      .reason = known ? "" : "this kernel has no struct bpf_struct_ops_link in its BTF"};
}

}  // namespace

std::vector<load::Feature> probe_links() {
  std::vector<load::Feature> out = {of_perf("kprobe"), of_perf("uprobe")};
  for (const Trial& trial : trials) out.push_back(probe(trial));
  out.push_back(of_uprobes("uprobe_multi", type_uprobe_multi));
  out.push_back(of_uprobes("uprobe_session", type_uprobe_session));
  out.push_back(of_struct_ops());
  return out;
}

std::vector<std::string_view> kept_attachments() {
  std::vector<std::string_view> out;
  for (const KindInfo* kind : all_kinds())
    if (const std::string_view kept = kind->kept(); !kept.empty()) out.push_back(kept);
  return out;
}

}  // namespace ebl::attach
