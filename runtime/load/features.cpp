#include "load/features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/permissions.h"
#include "base/unique_fd.h"
#include "btf/btf.h"
#include "load/arena.h"
#include "load/log_capture.h"
#include "load/map_ops.h"

namespace ebl::load {
namespace {

/// A smallest program of one type.
struct Trial {
  const char* name;
  unsigned type;
  Capability needed;
  unsigned attach_type = 0;
  int result = 0;  ///< what the program returns
  btf::Kind target_kind = btf::Kind::void_type;
  const char* target = nullptr;  ///< what of the kernel's BTF it is for
  unsigned flags = 0;
};

constexpr auto net = Capability::net_admin, trace = Capability::perfmon;
constexpr auto function = btf::Kind::function;
// Newer than the headers of Linux 6.1.
constexpr unsigned type_netfilter = 32, attach_netfilter = 45;

constexpr Trial trials[] = {
    {"socket_filter", BPF_PROG_TYPE_SOCKET_FILTER, net},
    {"kprobe", BPF_PROG_TYPE_KPROBE, trace},
    {"sched_cls", BPF_PROG_TYPE_SCHED_CLS, net},
    {"sched_act", BPF_PROG_TYPE_SCHED_ACT, net},
    {"tracepoint", BPF_PROG_TYPE_TRACEPOINT, trace},
    {"xdp", BPF_PROG_TYPE_XDP, net},
    {"perf_event", BPF_PROG_TYPE_PERF_EVENT, trace},
    {"cgroup_skb", BPF_PROG_TYPE_CGROUP_SKB, net, BPF_CGROUP_INET_INGRESS},
    {"cgroup_sock", BPF_PROG_TYPE_CGROUP_SOCK, net, BPF_CGROUP_INET_SOCK_CREATE},
    {"lwt_in", BPF_PROG_TYPE_LWT_IN, net},
    {"lwt_out", BPF_PROG_TYPE_LWT_OUT, net},
    {"lwt_xmit", BPF_PROG_TYPE_LWT_XMIT, net},
    {"sock_ops", BPF_PROG_TYPE_SOCK_OPS, net, BPF_CGROUP_SOCK_OPS},
    {"sk_skb", BPF_PROG_TYPE_SK_SKB, net},
    {"cgroup_device", BPF_PROG_TYPE_CGROUP_DEVICE, net, BPF_CGROUP_DEVICE},
    {"sk_msg", BPF_PROG_TYPE_SK_MSG, net},
    {"raw_tracepoint", BPF_PROG_TYPE_RAW_TRACEPOINT, trace},
    {"cgroup_sock_addr", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, net, BPF_CGROUP_INET4_CONNECT},
    {"lwt_seg6local", BPF_PROG_TYPE_LWT_SEG6LOCAL, net},
    {"lirc_mode2", BPF_PROG_TYPE_LIRC_MODE2, net},
    {"sk_reuseport", BPF_PROG_TYPE_SK_REUSEPORT, net},
    {"flow_dissector", BPF_PROG_TYPE_FLOW_DISSECTOR, net, BPF_FLOW_DISSECTOR},
    {"cgroup_sysctl", BPF_PROG_TYPE_CGROUP_SYSCTL, net, BPF_CGROUP_SYSCTL},
    {"raw_tracepoint_writable", BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, trace},
    {"cgroup_sockopt", BPF_PROG_TYPE_CGROUP_SOCKOPT, net, BPF_CGROUP_GETSOCKOPT},
    {"tracing (fentry)", BPF_PROG_TYPE_TRACING, trace, BPF_TRACE_FENTRY, 0, function,
     "bpf_fentry_test1"},
    {"tracing (fexit)", BPF_PROG_TYPE_TRACING, trace, BPF_TRACE_FEXIT, 0, function,
     "bpf_fentry_test1"},
    {"tracing (fmod_ret)", BPF_PROG_TYPE_TRACING, trace, BPF_MODIFY_RETURN, 0, function,
     "bpf_modify_return_test"},
    {"tracing (tp_btf)", BPF_PROG_TYPE_TRACING, trace, BPF_TRACE_RAW_TP, 0,
     btf::Kind::type_definition, "btf_trace_sched_switch"},
    {"tracing (iter)", BPF_PROG_TYPE_TRACING, trace, BPF_TRACE_ITER, 0, function,
     "bpf_iter_task"},
    {"struct_ops", BPF_PROG_TYPE_STRUCT_OPS, trace, 0, 0, btf::Kind::structure,
     "tcp_congestion_ops"},
    {"ext", BPF_PROG_TYPE_EXT, trace},
    {"lsm", BPF_PROG_TYPE_LSM, trace, BPF_LSM_MAC, 0, function, "bpf_lsm_file_open"},
    {"lsm (cgroup)", BPF_PROG_TYPE_LSM, trace, BPF_LSM_CGROUP, 1, function,
     "bpf_lsm_socket_bind"},
    {"sk_lookup", BPF_PROG_TYPE_SK_LOOKUP, net, BPF_SK_LOOKUP, 1},
    {"syscall", BPF_PROG_TYPE_SYSCALL, trace, 0, 0, btf::Kind::void_type, nullptr,
     BPF_F_SLEEPABLE},
    {"netfilter", type_netfilter, net, attach_netfilter, 1},
};

/// What a program is for, in the kernel's types.
struct Target {
  btf::TypeId type = 0;  ///< 0: there is none, or it needs none
  unsigned attach_type = 0;
};

struct Outcome {
  int error = 0;  ///< errno; 0: it was loaded
  std::string log;
};

/// Has the kernel verify `instructions` as a program of that type.
Outcome load(const Trial& trial, const Target& target,
             std::span<const bpf_insn> instructions) {
  std::array<char, 4096> log = {};
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = static_cast<bpf_attach_type>(target.attach_type);
  options.attach_btf_id = target.type;
  options.prog_flags = trial.flags;
  options.log_buf = log.data();
  options.log_size = log.size();
  options.log_level = 1;
  const UniqueFd fd(::bpf_prog_load(static_cast<bpf_prog_type>(trial.type), "trial",
                                    "GPL", instructions.data(), instructions.size(),
                                    &options));
  return {.error = fd ? 0 : errno, .log = log.data()};
}

Outcome load_smallest(const Trial& trial, const Target& target) {
  const bpf_insn instructions[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = trial.result},
      {.code = BPF_JMP | BPF_EXIT}};
  return load(trial, target, instructions);
}

/// The last line of a log that is about the program and no statistics.
std::string_view last_words(std::string_view log) {
  std::string_view found;
  while (!log.empty()) {
    const std::size_t end = log.find('\n');
    const std::string_view line = log.substr(0, end);
    if (!line.empty() && !line.starts_with("processed ")) found = line;
    log.remove_prefix(end == log.npos ? log.size() : end + 1);
  }
  return found;
}

std::string permission_reason(int error, Capability needed, const PrivilegeFacts& facts) {
  const Capability all[] = {Capability::bpf, needed};
  const std::string message =
      explain_permission(Stage::load, "try", error, all, facts).message;
  return message.substr(message.find(": ") + 2);
}

/// The number of a struct's first member that is a function: what a program of struct_ops
/// has as its attach type.
unsigned first_function(const btf::Btf& types, btf::TypeId type) {
  for (std::uint32_t i = 0; i < types.count(type); i++) {
    const btf::TypeId member = types.resolve(types.member(type, i).type);
    if (types.kind(member) == btf::Kind::pointer &&
        types.kind(types.resolve(types.target(member))) == btf::Kind::function_prototype)
      return i;
  }
  return 0;
}

/// The kernel's types, read when first needed.
class Kernel {
 public:
  const btf::Btf* types() {
    if (!tried_) {
      Result<btf::Btf> read = btf::Btf::from_file(btf::kernel_btf_path());
      if (read) types_ = std::make_unique<btf::Btf>(std::move(*read));
      tried_ = true;
    }
    return types_.get();
  }

  Target target(const Trial& trial) {
    Target found{.attach_type = trial.attach_type};
    // For freplace any type will do: the refusal is what tells.
    if (trial.type == BPF_PROG_TYPE_EXT) found.type = 1;
    if (!trial.target || !types()) return found;
    found.type = types()->find(trial.target_kind, trial.target).value_or(0);
    if (trial.type == BPF_PROG_TYPE_STRUCT_OPS && found.type)
      found.attach_type = first_function(*types(), found.type);
    return found;
  }

 private:
  bool tried_ = false;
  std::unique_ptr<btf::Btf> types_;
};

/// Why a trial failed; nothing where it shows that the kernel knows the type.
std::optional<std::string> refusal(const Trial& trial, const Outcome& outcome,
                                   bool has_target, const PrivilegeFacts& facts) {
  if (outcome.error == 0) return std::nullopt;
  // No program can be replaced here, and the kernel says so after it has known the type.
  const bool replaces = trial.type == BPF_PROG_TYPE_EXT &&
                        outcome.log.find("Cannot replace") != std::string::npos;
  if (replaces) return std::nullopt;
  if (outcome.error == EPERM || outcome.error == EACCES)
    return permission_reason(outcome.error, trial.needed, facts);
  if (trial.target && !has_target)
    return std::string("this kernel has no ") + trial.target + " in its BTF";
  std::string reason = errno_text(outcome.error);
  if (const std::string_view words = last_words(outcome.log); !words.empty())
    reason += ": " + std::string(words);
  return reason;
}

/// Whether the verifier knows the function for such a program, whatever it says of the
/// arguments, which are not there.
bool may_call(const Trial& trial, const Target& target, std::uint32_t helper) {
  const bpf_insn instructions[] = {
      {.code = BPF_JMP | BPF_CALL, .imm = static_cast<std::int32_t>(helper)},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = trial.result},
      {.code = BPF_JMP | BPF_EXIT}};
  const Outcome outcome = load(trial, target, instructions);
  if (outcome.error == 0) return true;
  for (const std::string_view words :
       {"invalid func ", "unknown func ", "cannot use helper "})
    if (outcome.log.find(words) != std::string::npos) return false;
  return !outcome.log.empty();
}

std::optional<Feature> map_feature(unsigned type, const PrivilegeFacts& facts) {
  const std::string name = map_type_name(type);
  if (name.starts_with("type ")) return std::nullopt;  // libbpf knows no such kind
  if (type == kArenaType) {
    Result<Arena> arena = Arena::create("trial", 1, BPF_F_MMAPABLE);
    if (arena) return Feature{.name = name, .available = true, .reason = {}};
    return Feature{.name = name, .available = false, .reason = arena.error().message};
  }
  errno = 0;
  const int answer = libbpf_probe_bpf_map_type(static_cast<bpf_map_type>(type), nullptr);
  if (answer == 1) return Feature{.name = name, .available = true, .reason = {}};
  const int error = answer < 0 ? -answer : errno;
  const bool refused = error == EPERM || error == EACCES;
  return Feature{.name = name,
                 .available = false,
                 .reason = refused
                               ? permission_reason(error, Capability::net_admin, facts)
                               : errno_text(error)};
}

}  // namespace

std::vector<Feature> probe_program_types() {
  const LogCapture quiet;
  const PrivilegeFacts facts = privilege_facts();
  Kernel kernel;
  std::vector<Feature> out;
  for (const Trial& trial : trials) {
    const Target target = kernel.target(trial);
    const auto reason =
        refusal(trial, load_smallest(trial, target), target.type != 0, facts);
    out.push_back({.name = trial.name,
                   .available = !reason,
                   .reason = reason.value_or(std::string())});
  }
  return out;
}

std::vector<Feature> probe_map_types() {
  const LogCapture quiet;
  const PrivilegeFacts facts = privilege_facts();
  std::vector<Feature> out;
  for (unsigned type = 1; type <= kArenaType; type++)
    if (auto feature = map_feature(type, facts)) out.push_back(*std::move(feature));
  return out;
}

Result<std::vector<HelperSet>> probe_helpers() {
  const LogCapture quiet;
  Kernel kernel;
  const btf::Btf* types = kernel.types();
  const auto numbers =
      types ? types->find(btf::Kind::enumeration, "bpf_func_id") : std::nullopt;
  if (!numbers)
    return Error{.stage = Stage::load,
                 .code = Code::not_supported,
                 .message = "this kernel's BTF does not name the helper functions",
                 .hint = "pass the kernel's BTF with --btf FILE"};
  std::vector<HelperSet> out;
  for (const Trial& trial : trials) {
    const Target target = kernel.target(trial);
    if (load_smallest(trial, target).error != 0) continue;
    HelperSet set{.program_type = trial.name, .helpers = {}};
    for (std::uint32_t i = 0; i < types->count(*numbers); i++) {
      const btf::Enumerator helper = types->enumerator(*numbers, i);
      constexpr std::string_view kPrefix = "BPF_FUNC_";
      const std::string_view name = helper.name;
      if (helper.value == 0 || !name.starts_with(kPrefix) || name == "__BPF_FUNC_MAX_ID")
        continue;
      if (may_call(trial, target, static_cast<std::uint32_t>(helper.value)))
        set.helpers.push_back("bpf_" + std::string(name.substr(kPrefix.size())));
    }
    out.push_back(std::move(set));
  }
  return out;
}

}  // namespace ebl::load
