// The grammar of probe specs: good ones, bad ones with their exact message, SEC() names.
#include "attach/spec.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "attach/kind.h"

namespace ebl::attach {
namespace {

struct Good {
  const char* text;
  ProbeSpec spec;
};

const Good good[] = {
    {"tracepoint:sched:sched_switch",
     {.kind = Kind::tracepoint, .category = "sched", .target = "sched_switch"}},
    {"tracepoint:irq_vectors:call_function-x",
     {.kind = Kind::tracepoint, .category = "irq_vectors", .target = "call_function-x"}},
    {"raw_tracepoint:sched_switch",
     {.kind = Kind::raw_tracepoint, .target = "sched_switch"}},
    {"tp_btf:sched_switch", {.kind = Kind::tp_btf, .target = "sched_switch"}},
    {"kprobe:vfs_read", {.kind = Kind::kprobe, .target = "vfs_read"}},
    {"kprobe:vfs_read+0x10", {.kind = Kind::kprobe, .target = "vfs_read", .offset = 16}},
    {"kprobe:foo.isra.0", {.kind = Kind::kprobe, .target = "foo.isra.0"}},
    {"kretprobe:vfs_read", {.kind = Kind::kretprobe, .target = "vfs_read"}},
    {"kprobe:veth:veth_xmit",
     {.kind = Kind::kprobe, .category = "veth", .target = "veth_xmit"}},
    {"kprobe:vfs_*,tcp_v?_rcv", {.kind = Kind::kprobe, .target = "vfs_*,tcp_v?_rcv"}},
    {"kretprobe:veth:*", {.kind = Kind::kretprobe, .category = "veth", .target = "*"}},
    {"kprobe.session:vfs_read", {.kind = Kind::kprobe_session, .target = "vfs_read"}},
    {"ksyscall:execve", {.kind = Kind::ksyscall, .target = "execve"}},
    {"kretsyscall:get*", {.kind = Kind::kretsyscall, .target = "get*"}},
    {"fentry:vfs_read", {.kind = Kind::fentry, .target = "vfs_read"}},
    {"fexit:vfs_read", {.kind = Kind::fexit, .target = "vfs_read"}},
    {"fentry:veth:veth_xmit",
     {.kind = Kind::fentry, .category = "veth", .target = "veth_xmit"}},
    {"fmod_ret:security_file_open",
     {.kind = Kind::fmod_ret, .target = "security_file_open"}},
    {"freplace:12:decide",
     {.kind = Kind::freplace, .category = "12", .target = "decide"}},
    {"uprobe:/bin/bash:readline",
     {.kind = Kind::uprobe, .target = "readline", .binary = "/bin/bash"}},
    {"uprobe:libc:malloc+0x4",
     {.kind = Kind::uprobe, .target = "malloc", .binary = "libc", .offset = 4}},
    {"uprobe:/bin/x:a::b(int)",
     {.kind = Kind::uprobe, .target = "a::b(int)", .binary = "/bin/x"}},
    {"uprobe:/bin/x:get*,set?",
     {.kind = Kind::uprobe, .target = "get*,set?", .binary = "/bin/x"}},
    {"uprobe:/bin/x:main.Map[int,string]",
     {.kind = Kind::uprobe, .target = "main.Map[int,string]", .binary = "/bin/x"}},
    {"uprobe.session:libc:malloc",
     {.kind = Kind::uprobe_session, .target = "malloc", .binary = "libc"}},
    {"uprobe:/bin/x:0x1234",
     {.kind = Kind::uprobe, .binary = "/bin/x", .address = 0x1234}},
    {"uretprobe:/bin/bash:readline",
     {.kind = Kind::uretprobe, .target = "readline", .binary = "/bin/bash"}},
    {"usdt:/bin/python3:python:gc__start",
     {.kind = Kind::usdt,
      .category = "python",
      .target = "gc__start",
      .binary = "/bin/python3"}},
    {"usdt:libc:setjmp", {.kind = Kind::usdt, .target = "setjmp", .binary = "libc"}},
    {"perf:cpu-clock:99hz", {.kind = Kind::perf, .target = "cpu-clock", .frequency = 99}},
    {"perf:cache-misses:10000",
     {.kind = Kind::perf, .target = "cache-misses", .period = 10000}},
    {"interval:1s", {.kind = Kind::interval, .period = 1'000'000'000}},
    {"interval:100ms", {.kind = Kind::interval, .period = 100'000'000}},
    {"interval:10us", {.kind = Kind::interval, .period = 10'000}},
    {"xdp:eth0", {.kind = Kind::xdp, .target = "eth0"}},
    {"xdp:veth-1.2:native",
     {.kind = Kind::xdp, .target = "veth-1.2", .mode = XdpMode::native}},
    {"xdp:eth0:generic", {.kind = Kind::xdp, .target = "eth0", .mode = XdpMode::generic}},
    {"xdp:eth0:offload", {.kind = Kind::xdp, .target = "eth0", .mode = XdpMode::offload}},
    {"tcx:eth0:egress", {.kind = Kind::tcx, .category = "egress", .target = "eth0"}},
    {"netkit:nk0:peer", {.kind = Kind::netkit, .category = "peer", .target = "nk0"}},
    {"lsm:file_open", {.kind = Kind::lsm, .target = "file_open"}},
    {"lsm_cgroup:/sys/fs/cgroup/x:socket_bind",
     {.kind = Kind::lsm_cgroup, .target = "socket_bind", .path = "/sys/fs/cgroup/x"}},
    {"iter:task", {.kind = Kind::iter, .target = "task"}},
    {"iter:cgroup:/sys/fs/cgroup",
     {.kind = Kind::iter, .target = "cgroup", .path = "/sys/fs/cgroup"}},
    {"breakpoint:0x1000:w4",
     {.kind = Kind::breakpoint, .category = "w", .address = 0x1000, .period = 4}},
    {"breakpoint:panic_timeout:x",
     {.kind = Kind::breakpoint, .category = "x", .target = "panic_timeout"}},
    {"cgroup:/sys/fs/cgroup/a:b:connect4",
     {.kind = Kind::cgroup, .target = "connect4", .path = "/sys/fs/cgroup/a:b"}},
    {"netfilter:ipv6:post_routing:-300",
     {.kind = Kind::netfilter,
      .category = "ipv6",
      .target = "post_routing",
      .priority = -300}},
    {"sk_lookup", {.kind = Kind::sk_lookup}},
    {"sk_lookup:/run/netns/blue", {.kind = Kind::sk_lookup, .path = "/run/netns/blue"}},
    {"flow_dissector", {.kind = Kind::flow_dissector}},
    {"tc:eth0:ingress", {.kind = Kind::tc, .category = "ingress", .target = "eth0"}},
    {"sockmap:sockets:sk_msg",
     {.kind = Kind::sockmap, .category = "sk_msg", .target = "sockets"}},
    {"socket_filter", {.kind = Kind::socket_filter}},
    {"socket_filter:lo", {.kind = Kind::socket_filter, .target = "lo"}},
    {"sk_reuseport", {.kind = Kind::sk_reuseport}},
    {"lwt:fc00::/16:xmit",
     {.kind = Kind::lwt, .category = "xmit", .target = "fc00::/16"}},
    {"seg6local:fc00::1/128", {.kind = Kind::seg6local, .target = "fc00::1/128"}},
    {"lirc_mode2:/dev/lirc0", {.kind = Kind::lirc_mode2, .path = "/dev/lirc0"}},
    {"struct_ops:reno", {.kind = Kind::struct_ops, .target = "reno"}},
};

TEST(Spec, reads_each_form_and_writes_it_back) {
  for (const Good& row : good) {
    const Result<ProbeSpec> spec = parse_probe_spec(row.text);
    ASSERT_TRUE(spec) << row.text << ": " << spec.error().message;
    EXPECT_EQ(*spec, row.spec) << row.text;
    EXPECT_EQ(spec->text(), row.text);
  }
}

struct Bad {
  const char* text;
  const char* message;
  const char* hint;
};

const Bad bad[] = {
    {"", "'' does not begin with a kind of probe",
     "write KIND:TARGET, for instance tracepoint:sched:sched_switch"},
    {"tracepoint", "'tracepoint' does not say where to attach",
     "write tracepoint:CATEGORY:EVENT, as in tracepoint:sched:sched_switch"},
    {"kprobe:", "'kprobe:' does not say where to attach",
     "write kprobe:FUNCTION, kprobe:FUNCTION+OFFSET or kprobe:PATTERN, as in "
     "kprobe:vfs_read or kprobe:tcp_*"},
    {"tracepiont:a:b", "'tracepiont:a:b': unknown kind of probe 'tracepiont'",
     "did you mean 'tracepoint'?"},
    {"tracepoint:sched", "'tracepoint:sched': a tracepoint has two names",
     "write tracepoint:CATEGORY:EVENT, as in tracepoint:sched:sched_switch"},
    {"tracepoint:../x:id", "'tracepoint:../x:id': '../x' is not a name",
     "write tracepoint:CATEGORY:EVENT, as in tracepoint:sched:sched_switch"},
    {"tracepoint:..:id", "'tracepoint:..:id': '..' is not a name",
     "write tracepoint:CATEGORY:EVENT, as in tracepoint:sched:sched_switch"},
    {"raw_tracepoint:a b", "'raw_tracepoint:a b': 'a b' is not an event",
     "write raw_tracepoint:EVENT, as in raw_tracepoint:sched_switch"},
    {"kprobe:vfs_*+4", "'kprobe:vfs_*+4': 'vfs_*+4' is not a function name or a pattern",
     "write kprobe:FUNCTION, kprobe:FUNCTION+OFFSET or kprobe:PATTERN, as in "
     "kprobe:vfs_read or kprobe:tcp_*"},
    {"kprobe:a:b:c", "'kprobe:a:b:c': 'b:c' is not a function name",
     "write kprobe:FUNCTION, kprobe:FUNCTION+OFFSET or kprobe:PATTERN, as in "
     "kprobe:vfs_read or kprobe:tcp_*"},
    {"kprobe:vfs_read+", "'kprobe:vfs_read+': '' is not a number",
     "write kprobe:FUNCTION, kprobe:FUNCTION+OFFSET or kprobe:PATTERN, as in "
     "kprobe:vfs_read or kprobe:tcp_*"},
    {"kprobe:vfs_read+0xzz", "'kprobe:vfs_read+0xzz': '0xzz' is not a number",
     "write kprobe:FUNCTION, kprobe:FUNCTION+OFFSET or kprobe:PATTERN, as in "
     "kprobe:vfs_read or kprobe:tcp_*"},
    {"kprobe:f+99999999999999999999",
     "'kprobe:f+99999999999999999999': 99999999999999999999 does not fit into 64 bits",
     "write kprobe:FUNCTION, kprobe:FUNCTION+OFFSET or kprobe:PATTERN, as in "
     "kprobe:vfs_read or kprobe:tcp_*"},
    {"kretprobe:vfs_read+4",
     "'kretprobe:vfs_read+4': the return of a function has no offset",
     "write kretprobe:FUNCTION or kretprobe:PATTERN, as in kretprobe:vfs_read"},
    {"fentry:vfs_read+4", "'fentry:vfs_read+4': 'vfs_read+4' is not a name",
     "write fentry:FUNCTION, as in fentry:vfs_read"},
    {"uprobe:/bin/bash", "'uprobe:/bin/bash': a user probe has a binary and a function",
     "write uprobe:BINARY:SYMBOL[+OFFSET], uprobe:BINARY:PATTERN or "
     "uprobe:BINARY:0xADDRESS, as in uprobe:libc:malloc or uprobe:libc:mem*"},
    {"uprobe:/bin/bash:", "'uprobe:/bin/bash:': a user probe has a binary and a function",
     "write uprobe:BINARY:SYMBOL[+OFFSET], uprobe:BINARY:PATTERN or "
     "uprobe:BINARY:0xADDRESS, as in uprobe:libc:malloc or uprobe:libc:mem*"},
    {"usdt:/bin/x", "'usdt:/bin/x': a static probe has a binary, a provider and a name",
     "write usdt:BINARY:PROVIDER:PROBE, as in usdt:/usr/bin/python3:python:gc__start"},
    {"usdt:/bin/x::p", "'usdt:/bin/x::p': ':p' is not the name of a probe",
     "write usdt:BINARY:PROVIDER:PROBE, as in usdt:/usr/bin/python3:python:gc__start"},
    {"usdt:/bin/x:a:", "'usdt:/bin/x:a:': 'a:' is not the name of a probe",
     "write usdt:BINARY:PROVIDER:PROBE, as in usdt:/usr/bin/python3:python:gc__start"},
    {"perf:cpu-clok:99hz",
     "'perf:cpu-clok:99hz': 'cpu-clok' is not a perf event; did you mean 'cpu-clock'?",
     "write perf:EVENT:FREQUENCYhz or perf:EVENT:COUNT, as in perf:cpu-clock:99hz"},
    {"perf:cpu-clock",
     "'perf:cpu-clock': how often is missing: a frequency (99hz) or a count of events "
     "(10000)",
     "write perf:EVENT:FREQUENCYhz or perf:EVENT:COUNT, as in perf:cpu-clock:99hz"},
    {"perf:cpu-clock:0hz", "'perf:cpu-clock:0hz': it must happen more often than 0",
     "write perf:EVENT:FREQUENCYhz or perf:EVENT:COUNT, as in perf:cpu-clock:99hz"},
    {"interval:5", "'interval:5': '5' is not a time",
     "write interval:TIME, as in interval:1s, interval:100ms or interval:500us"},
    {"interval:ms", "'interval:ms': 'ms' is not a time",
     "write interval:TIME, as in interval:1s, interval:100ms or interval:500us"},
    {"interval:1us", "'interval:1us': the shortest interval is 10us",
     "write interval:TIME, as in interval:1s, interval:100ms or interval:500us"},
    {"interval:99999999999s",
     "'interval:99999999999s': 99999999999s does not fit into 64 bits of nanoseconds",
     "write interval:TIME, as in interval:1s, interval:100ms or interval:500us"},
    {"xdp:a/b", "'xdp:a/b': 'a/b' is not the name of an interface",
     "write xdp:INTERFACE or xdp:INTERFACE:MODE (generic, native, offload), as in "
     "xdp:eth0"},
    {"xdp:sixteencharacter",
     "'xdp:sixteencharacter': 'sixteencharacter' is not the name of an interface",
     "write xdp:INTERFACE or xdp:INTERFACE:MODE (generic, native, offload), as in "
     "xdp:eth0"},
    {"tc:eth0:in", "'tc:eth0:in': ingress or egress is missing",
     "write tc:INTERFACE:ingress or tc:INTERFACE:egress, as in tc:eth0:ingress"},
    {"sockmap:sockets", "'sockmap:sockets': a map and a hook are wanted",
     "write sockmap:MAP:HOOK, as in sockmap:sockets:stream_verdict"},
    {"sk_reuseport:lo", "'sk_reuseport:lo': nothing follows sk_reuseport",
     "write sk_reuseport with the option socket"},
    {"breakpoint:0x1000:w3",
     "'breakpoint:0x1000:w3': 'w3': the length is 1, 2, 4 or 8 bytes",
     "write breakpoint:ADDRESS:ACCESS or breakpoint:SYMBOL:ACCESS, as in "
     "breakpoint:0x7ffd12345678:w4"},
    {"lsm_cgroup:socket_bind", "'lsm_cgroup:socket_bind': a path and a hook are wanted",
     "write lsm_cgroup:PATH:HOOK, as in lsm_cgroup:/sys/fs/cgroup/web:socket_create"},
    {"iter:task:/x", "'iter:task:/x': only iter:cgroup takes a path",
     "write iter:TARGET, as in iter:task"},
    {"tcx:eth0", "'tcx:eth0': ingress or egress is missing",
     "write tcx:INTERFACE:ingress or tcx:INTERFACE:egress, as in tcx:eth0:ingress"},
    {"cgroup:/sys/fs/cgroup/x:conect4",
     "'cgroup:/sys/fs/cgroup/x:conect4': no hook 'conect4'; did you mean 'connect4', "
     "'connect6'?",
     "write cgroup:PATH:HOOK, as in cgroup:/sys/fs/cgroup/web:connect4"},
    {"cgroup:connect4", "'cgroup:connect4': a path and a hook are wanted",
     "write cgroup:PATH:HOOK, as in cgroup:/sys/fs/cgroup/web:connect4"},
    {"netfilter:ipx:local_in:0", "'netfilter:ipx:local_in:0': 'ipx' is not ipv4 or ipv6",
     "write netfilter:FAMILY:HOOK:PRIORITY, as in netfilter:ipv4:local_in:0"},
    {"netfilter:ipv4:local_in:low",
     "'netfilter:ipv4:local_in:low': 'low' is not a priority",
     "write netfilter:FAMILY:HOOK:PRIORITY, as in netfilter:ipv4:local_in:0"},
    {"sk_lookup:blue", "'sk_lookup:blue': 'blue' is not the path of a network namespace",
     "write sk_lookup or sk_lookup:PATH, as in sk_lookup:/run/netns/blue"},
    {"xdp:eth0:fast", "'xdp:eth0:fast': unknown mode 'fast'",
     "write xdp:INTERFACE or xdp:INTERFACE:MODE (generic, native, offload), as in "
     "xdp:eth0"},
};

TEST(Spec, refuses_the_rest_and_says_what_is_wanted) {
  for (const Bad& row : bad) {
    const Result<ProbeSpec> spec = parse_probe_spec(row.text);
    ASSERT_FALSE(spec) << row.text;
    EXPECT_EQ(spec.error().code, Code::invalid);
    EXPECT_EQ(spec.error().stage, Stage::attach);
    EXPECT_EQ(spec.error().message, row.message);
    EXPECT_EQ(spec.error().hint, row.hint) << row.text;
  }
}

TEST(Spec, an_unknown_kind_with_none_near_gets_the_list) {
  std::vector<std::string_view> words;
  for (const KindInfo* info : all_kinds()) words.push_back(info->word);
  const Result<ProbeSpec> spec = parse_probe_spec("zz:a");
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().message, "'zz:a': unknown kind of probe 'zz'");
  EXPECT_EQ(spec.error().hint, fmt::format("the kinds are {}", fmt::join(words, ", ")));
}

TEST(Spec, every_kind_is_in_the_table_once) {
  for (int i = 0; i < static_cast<int>(all_kinds().size()); i++) {
    const auto kind = static_cast<Kind>(i);
    EXPECT_EQ(std::ranges::count(all_kinds(), kind, &KindInfo::kind), 1) << i;
    EXPECT_EQ(info_of(kind).kind, kind);
  }
}

struct Section {
  const char* name;
  const char* spec;  ///< empty: names no hook
};

const Section sections[] = {
    {"tracepoint/syscalls/sys_enter_execve", "tracepoint:syscalls:sys_enter_execve"},
    {"tp/sched/sched_switch", "tracepoint:sched:sched_switch"},
    {"?tp/sched/sched_switch", "tracepoint:sched:sched_switch"},
    {"raw_tracepoint/sched_switch", "raw_tracepoint:sched_switch"},
    {"raw_tp/sched_switch", "raw_tracepoint:sched_switch"},
    {"raw_tp.w/x", "raw_tracepoint:x"},
    {"tp_btf/sched_switch", "tp_btf:sched_switch"},
    {"kprobe/vfs_read", "kprobe:vfs_read"},
    {"kprobe/vfs_read+0x4", "kprobe:vfs_read+0x4"},
    {"kretprobe/vfs_read", "kretprobe:vfs_read"},
    {"kprobe.multi/vfs_*", "kprobe:vfs_*"},
    {"kretprobe.multi/vfs_*", "kretprobe:vfs_*"},
    {"kprobe.session/vfs_read", "kprobe.session:vfs_read"},
    {"ksyscall/execve", "ksyscall:execve"},
    {"kretsyscall/execve", "kretsyscall:execve"},
    {"kprobe.multi", ""},
    {"fentry/vfs_read", "fentry:vfs_read"},
    {"fentry.s/vfs_read", "fentry:vfs_read"},
    {"fexit/vfs_read", "fexit:vfs_read"},
    {"fexit.s/vfs_read", "fexit:vfs_read"},
    {"fentry/veth:veth_xmit", "fentry:veth:veth_xmit"},
    {"fmod_ret/security_file_open", "fmod_ret:security_file_open"},
    {"fmod_ret.s/security_file_open", "fmod_ret:security_file_open"},
    {"freplace/decide", ""},
    {"uprobe//bin/bash:readline", "uprobe:/bin/bash:readline"},
    {"uprobe.s//bin/bash:readline", "uprobe:/bin/bash:readline"},
    {"uprobe/libc:malloc", "uprobe:libc:malloc"},
    {"uprobe.multi//bin/bash:re*", "uprobe:/bin/bash:re*"},
    {"uretprobe.multi.s//bin/bash:re*", "uretprobe:/bin/bash:re*"},
    {"uprobe.session//bin/bash:main", "uprobe.session:/bin/bash:main"},
    {"uretprobe//bin/bash:readline", "uretprobe:/bin/bash:readline"},
    {"usdt//bin/x:a:b", "usdt:/bin/x:a:b"},
    {"interval/1s", "interval:1s"},
    {"perf/cpu-clock/99hz", "perf:cpu-clock:99hz"},
    {"xdp/eth0", "xdp:eth0"},
    {"xdp/eth0/native", "xdp:eth0:native"},
    {"xdp.frags/eth0", "xdp:eth0"},
    {"lsm/file_open", "lsm:file_open"},
    {"lsm.s/file_open", "lsm:file_open"},
    {"lsm_cgroup/socket_bind", ""},
    {"iter/task", "iter:task"},
    {"iter.s/task", "iter:task"},
    {"breakpoint/0x1000/w4", "breakpoint:0x1000:w4"},
    {"xdp/devmap", ""},
    {"xdp/cpumap", ""},
    {"xdp", ""},
    {"kprobe", ""},
    {"perf_event", ""},
    {"tc", ""},
    {"tc/eth0/egress", "tc:eth0:egress"},
    {"classifier", ""},
    {"action", ""},
    {"socket", ""},
    {"socket_filter/lo", "socket_filter:lo"},
    {"sk_skb/stream_verdict", ""},
    {"sk_msg", ""},
    {"lwt_xmit", ""},
    {"tcx/ingress", ""},
    {"tcx/eth0/ingress", "tcx:eth0:ingress"},
    {"netkit/nk0/primary", "netkit:nk0:primary"},
    {"netfilter", ""},
    {"netfilter/ipv4/local_in/10", "netfilter:ipv4:local_in:10"},
    {"sk_lookup", ""},
    {"cgroup/connect4", ""},
    {"cgroup_skb/ingress", ""},
    {"", ""},
};

TEST(Kinds, are_found_by_their_number) {
  int number = 0;
  for (const KindInfo* kind : all_kinds()) {
    EXPECT_EQ(static_cast<int>(kind->kind), number++) << kind->word;
    EXPECT_EQ(&info_of(kind->kind), kind) << kind->word;
  }
}

TEST(Sections, name_their_hook) {
  for (const Section& row : sections) {
    const Result<std::optional<ProbeSpec>> spec = spec_of_section(row.name);
    ASSERT_TRUE(spec) << row.name << ": " << spec.error().message;
    EXPECT_EQ(*spec ? (*spec)->text() : "", row.spec) << row.name;
  }
}

TEST(Sections, a_bad_one_is_quoted_as_it_was_written) {
  const auto spec = spec_of_section("tracepoint/sched");
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().message, "'tracepoint/sched': a tracepoint has two names");
}

}  // namespace
}  // namespace ebl::attach
