// tc:INTERFACE:ingress|egress, a program of the clsact qdisc: a classifier that decides
// (direct action), or an action. No descriptor owns either, so a keeper does. The qdisc
// is made where it is missing, and then removed with the last of our programs, unless
// somebody else put a filter there meanwhile.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_bpf.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "attach/holders.h"
#include "attach/interface.h"
#include "attach/keeper.h"
#include "attach/kind.h"
#include "attach/netlink.h"

namespace ebl::attach {
namespace {

using namespace std::string_view_literals;

// SEC("tc") and SEC("action") tell the type only, SEC("tc/eth0/ingress") the hook.
constexpr std::string_view sections[] = {"tc", "classifier", "action"};

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  Result<ProbeSpec> parsed = parse_interface(rest, std::move(spec));
  if (parsed && parsed->category != "ingress" && parsed->category != "egress")
    return malformed("ingress or egress is missing");
  return parsed;
}

std::string section_text(std::string_view rest) {
  return rest.find('/') == std::string_view::npos ? "" : slashes_to_colons(rest);
}

constexpr std::uint32_t parents[] = {TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
                                     TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)};

tcmsg* filter_message(NetlinkRequest& request, int interface, std::uint32_t parent) {
  auto* message = request.body<tcmsg>();
  message->tcm_family = AF_UNSPEC;
  message->tcm_ifindex = interface;
  message->tcm_parent = parent;
  return message;
}

constexpr int both_ways = BPF_TC_INGRESS | BPF_TC_EGRESS;

// libbpf wants the padding at the end of its structures to be zero, too.
bpf_tc_hook hook_at(int interface, int point) {
  bpf_tc_hook hook;
  std::memset(&hook, 0, sizeof hook);
  hook.sz = sizeof hook;
  hook.ifindex = interface;
  hook.attach_point = static_cast<bpf_tc_attach_point>(point);
  return hook;
}

/// Where the kernel put a filter.
struct Filter {
  std::uint32_t handle = 0, priority = 0;
};

int add_classifier(int program, int interface, int point, Filter& filter) {
  bpf_tc_hook hook = hook_at(interface, point);
  bpf_tc_opts opts;
  std::memset(&opts, 0, sizeof opts);
  opts.sz = sizeof opts;
  opts.prog_fd = program;
  opts.priority = filter.priority;
  const int error = -::bpf_tc_attach(&hook, &opts);
  filter = {opts.handle, opts.priority};
  return error;
}

void remove_filter(int interface, int point, const Filter& filter) {
  bpf_tc_hook hook = hook_at(interface, point);
  bpf_tc_opts opts;
  std::memset(&opts, 0, sizeof opts);
  opts.sz = sizeof opts;
  opts.handle = filter.handle;
  opts.priority = filter.priority;
  ::bpf_tc_detach(&hook, &opts);
}

/// Somebody's filter is still there.
bool has_filters(int interface) {
  bool found = false;
  for (const std::uint32_t parent : parents) {
    NetlinkRequest request(RTM_GETTFILTER, NLM_F_DUMP);
    filter_message(request, interface, parent);
    netlink_ask(request, [&](const nlmsghdr* answer) {
      found = found || answer->nlmsg_type == RTM_NEWTFILTER;
    });
  }
  return found;
}

/// The clsact qdisc of an interface, as far as it is ours. Shared by all attachments of
/// this process there.
struct Clsact {
  Keeper keeper;
  bool ours = false;
  int error = 0;

  explicit Clsact(int interface) {
    error = keeper.start({
        .make =
            [interface] {
              bpf_tc_hook hook = hook_at(interface, both_ways);
              return -::bpf_tc_hook_create(&hook);
            },
        .undo =
            [interface] {
              bpf_tc_hook hook = hook_at(interface, both_ways);
              if (!has_filters(interface)) ::bpf_tc_hook_destroy(&hook);
            },
        .fds = {},
    });
    ours = error == 0;
    if (error == EEXIST) error = 0;
  }
};

/// An interface number means something in one network namespace only.
std::shared_ptr<Clsact> clsact_of(int interface) {
  static std::map<std::pair<ino_t, int>, std::weak_ptr<Clsact>> known;
  struct stat space = {};
  ::stat("/proc/self/ns/net", &space);
  std::weak_ptr<Clsact>& entry = known[{space.st_ino, interface}];
  std::shared_ptr<Clsact> clsact = entry.lock();
  if (clsact) return clsact;
  clsact = std::make_shared<Clsact>(interface);
  if (clsact->error == 0) entry = clsact;
  return clsact;
}

/// A classifier that matches all packets, for an action to hang on: cls_bpf is there
/// whenever a kernel has actions in BPF.
UniqueFd match_all() {
  const bpf_insn code[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = -1},
      {.code = BPF_JMP | BPF_EXIT},
  };
  return UniqueFd(
      ::bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "match_all", "GPL", code, 2, nullptr));
}

int add_action(int program, const std::string& name, int interface, int point,
               Filter& filter) {
  const UniqueFd classifier = match_all();
  if (!classifier) return errno;
  NetlinkRequest request(RTM_NEWTFILTER,
                         NLM_F_ACK | NLM_F_ECHO | NLM_F_CREATE | NLM_F_EXCL);
  filter_message(request, interface, parents[point == BPF_TC_INGRESS ? 0 : 1])->tcm_info =
      TC_H_MAKE(filter.priority << 16, htons(ETH_P_ALL));
  nlmsghdr* message = request.header();
  mnl_attr_put_strz(message, TCA_KIND, "bpf");
  nlattr* options = mnl_attr_nest_start(message, TCA_OPTIONS);
  mnl_attr_put_u32(message, TCA_BPF_FD, static_cast<std::uint32_t>(classifier.get()));
  mnl_attr_put_strz(message, TCA_BPF_NAME, "match_all");
  nlattr* actions = mnl_attr_nest_start(message, TCA_BPF_ACT);
  nlattr* first = mnl_attr_nest_start(message, 1);
  mnl_attr_put_strz(message, TCA_ACT_KIND, "bpf");
  nlattr* action = mnl_attr_nest_start(message, TCA_ACT_OPTIONS);
  const tc_act_bpf parameters = {.action = TC_ACT_PIPE};
  mnl_attr_put(message, TCA_ACT_BPF_PARMS, sizeof parameters, &parameters);
  mnl_attr_put_u32(message, TCA_ACT_BPF_FD, static_cast<std::uint32_t>(program));
  mnl_attr_put_strz(message, TCA_ACT_BPF_NAME, name.c_str());
  for (nlattr* nest : {action, first, actions, options}) mnl_attr_nest_end(message, nest);
  return netlink_ask(request, [&](const nlmsghdr* answer) {
    if (answer->nlmsg_type != RTM_NEWTFILTER) return;
    const auto* made = static_cast<const tcmsg*>(mnl_nlmsg_get_payload(answer));
    filter = {made->tcm_handle, TC_H_MAJ(made->tcm_info) >> 16};
  });
}

class TcHolder final : public Link::Holder {
 public:
  explicit TcHolder(std::shared_ptr<Clsact> clsact) : clsact_(std::move(clsact)) {}
  Keeper& keeper() { return keeper_; }
  std::vector<UniqueFd> detach() override {
    keeper_.release();
    clsact_.reset();
    return {};
  }

 private:
  std::shared_ptr<Clsact> clsact_;
  Keeper keeper_;  // destroyed first
};

Error refused(const ProbeSpec& spec, const Options& options, bool action, int error) {
  if (error == EEXIST)
    return attach_error(Code::invalid,
                        fmt::format("{}: another filter has priority {} there",
                                    spec.text(), options.priority.value_or(0)),
                        "choose another priority: lower runs earlier");
  if (error == ENOENT || error == EOPNOTSUPP)
    return attach_error(
        Code::not_supported,
        fmt::format("cannot attach to {}: {}: this kernel has no {}", spec.text(),
                    errno_text(error),
                    action ? "actions in BPF (CONFIG_NET_ACT_BPF, module act_bpf)"
                           : "clsact or cls_bpf (CONFIG_NET_SCH_INGRESS, "
                             "CONFIG_NET_CLS_BPF)"),
        action ? "write SEC(\"tc\"): a classifier can do what an action does" : "");
  return attach_errno(spec, error, {Capability::bpf, Capability::net_admin});
}

Holding attach_tc(load::Program program, const ProbeSpec& spec, const Options& options) {
  const Result<int> found = interface_index(spec);
  if (!found) return found.error();
  const int interface = *found;
  const int point = spec.category == "ingress" ? BPF_TC_INGRESS : BPF_TC_EGRESS;
  const bool action = bpf_program__type(program.handle) == BPF_PROG_TYPE_SCHED_ACT;
  std::shared_ptr<Clsact> clsact = clsact_of(interface);
  if (clsact->error != 0) return refused(spec, options, false, clsact->error);

  const int fd = bpf_program__fd(program.handle);
  Filter filter{.priority = options.priority.value_or(0)};
  Keeper::Task task;
  task.make = [&] {
    return action ? add_action(fd, program.name(), interface, point, filter)
                  : add_classifier(fd, interface, point, filter);
  };
  task.undo = [&] { remove_filter(interface, point, filter); };
  task.fds = {fd};
  if (clsact->ours) task.fds.push_back(clsact->keeper.fd());
  auto holder = std::make_unique<TcHolder>(std::move(clsact));
  const int error = holder->keeper().start(task);
  if (error != 0) return refused(spec, options, action, error);
  return Holding(std::move(holder));
}

}  // namespace

constinit const KindInfo tc_kind = {
    .kind = Kind::tc,
    .word = "tc",
    .form = "tc:INTERFACE:ingress or tc:INTERFACE:egress, as in tc:eth0:ingress",
    .sections = sections,
    .options = {.priority = true},
    .type = BPF_PROG_TYPE_SCHED_CLS,
    .attach_type = {},
    .parse = parse,
    .text = interface_text,
    .section_text = section_text,
    .prepare = nullptr,
    .attach = attach_tc,
    .other_type = BPF_PROG_TYPE_SCHED_ACT,
    .kept = [] { return "tc"sv; },
};

}  // namespace ebl::attach
