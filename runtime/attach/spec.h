// ProbeSpec: one parsed probe specification. The same grammar serves attach(), SEC()
// names, listing and quick probes; docs/api.md describes it. Parsing needs no privilege
// and looks at nothing outside its argument.
//
//   tracepoint:CATEGORY:EVENT    raw_tracepoint:EVENT    tp_btf:EVENT
//   kprobe:FUNCTION[+OFFSET]     kretprobe:FUNCTION      fentry:FUNCTION   fexit:FUNCTION
//   kprobe.session:FUNCTION      ksyscall:CALL           kretsyscall:CALL
//   (of these, all may have a MODULE: before the function; the k… take patterns, and
//   lists with commas) uprobe:BINARY:SYMBOL[+OFFSET]   uprobe:BINARY:0xADDRESS
//   uretprobe:BINARY:SYMBOL   uprobe.session:BINARY:SYMBOL usdt:BINARY:[PROVIDER:]PROBE
//   perf:EVENT:99hz | perf:EVENT:10000     interval:1s | interval:100ms
//   xdp:INTERFACE[:generic|native|offload]     tcx:INTERFACE:ingress|egress
//   netkit:INTERFACE:primary|peer     cgroup:PATH:HOOK netfilter:FAMILY:HOOK[:PRIORITY]
//   sk_lookup[:NAMESPACE]     flow_dissector[:NAMESPACE]     tc:INTERFACE:ingress|egress
//   sockmap:MAP:stream_parser|stream_verdict|verdict|sk_msg     sk_reuseport
//   socket_filter[:INTERFACE]     lwt:PREFIX:in|out|xmit     seg6local:PREFIX
//   lirc_mode2:DEVICE     lsm:HOOK     lsm_cgroup:PATH:HOOK     iter:TARGET
//   struct_ops:MAP
//   breakpoint:ADDRESS|SYMBOL:r|w|rw|x[LENGTH]
//
// A new kind is a file beside this one, a line in kinds.def and a test.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ebl::attach {

enum class Kind {
#define EBL_KIND(name) name,
#include "attach/kinds.def"
#undef EBL_KIND
};

/// The grammar's word for the kind: "tracepoint", "kprobe"…
std::string_view to_string(Kind kind);

enum class XdpMode { any, generic, native, offload };

/// Only the fields that the kind has in the grammar are set.
struct ProbeSpec {
  Kind kind = Kind::tracepoint;
  std::string category;  ///< tracepoint: the part before the event; usdt: the provider;
                         ///< kernel functions: the module;
                         ///< tc, tcx, netkit: the direction; netfilter: the family;
                         ///< breakpoint: the access;
                         ///< sockmap, lwt: the hook
  std::string target;  ///< event, function, symbol, probe, interface, hook, map or prefix
  std::string binary;  ///< user probes: a path, or the name of a library or program
  std::uint64_t offset = 0;     ///< kprobe, uprobe: bytes after the symbol
  std::uint64_t address = 0;    ///< uprobe without a symbol: virtual address in the file;
                                ///< breakpoint: in memory
  std::uint64_t frequency = 0;  ///< perf: samples a second, 0 when `period` is given
  std::uint64_t period = 0;     ///< perf: events a sample; interval: nanoseconds;
                                ///< breakpoint: bytes
  XdpMode mode = XdpMode::any;
  std::string path;           ///< a cgroup, network namespace (empty: our own) or device
  std::int32_t priority = 0;  ///< netfilter: lower runs earlier

  bool operator==(const ProbeSpec&) const = default;

  /// The spec in the grammar's own words; parsing it gives an equal spec.
  std::string text() const;
};

/// Code::invalid, with what is wrong and the form that is wanted, for text outside the
/// grammar; an unknown kind names the nearest.
Result<ProbeSpec> parse_probe_spec(std::string_view text);

/// The hook that a SEC() name gives by itself: "tracepoint/syscalls/sys_enter_execve",
/// "kprobe/vfs_read", "uprobe//bin/bash:readline", and ours: "interval/1s",
/// "perf/cpu-clock/99hz", "xdp/eth0/native". nullopt when the name tells the program's
/// type only ("xdp", "kprobe", "perf_event") or is of no kind here: obj:attach() leaves
/// that program alone.
Result<std::optional<ProbeSpec>> spec_of_section(std::string_view section);

/// Teaches libbpf the SEC() names that are ours: interval/…, perf/…, xdp/INTERFACE. Call
/// it before the first object is opened, from one thread; later calls do nothing.
void register_sections();

}  // namespace ebl::attach
