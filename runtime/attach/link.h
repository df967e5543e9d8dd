// Link: the owner of one attachment. Destroying it detaches; so does the end of the
// process, since every kind is held by a file descriptor.
//
// Detaching is slow where the kernel waits for its readers: 70-90 ms for a tracepoint
// on 6.18. Several links go through close_all(), which pays for it about once.
//
// A Link is used by one thread. The program that it runs is kept alive by the kernel, so
// a Link may outlive the object of its program.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "attach/spec.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "load/program.h"

namespace ebl::attach {

/// A place among the programs of one hook: before or after one of them, or all.
struct Position {
  bool before = false;
  std::uint32_t link_id = 0;     ///< relative to this link,
  std::uint32_t program_id = 0;  ///< or this program; both 0: first or last of all
};

/// Options of Program:attach(spec, opts). Each kind refuses the ones it does not have.
struct Options {
  std::optional<int> pid;  ///< user probes, perf: one process; default all
  std::optional<int>
      cpu;  ///< perf: one CPU; default all. interval: which (default the first)
  std::optional<std::uint64_t> cookie;  ///< bpf_get_attach_cookie(): all but xdp
  std::map<std::string, std::uint64_t>
      cookies;                       ///< k… and uprobes: by function, before `cookie`
  std::optional<int> maxactive;      ///< kretprobe: calls that it can watch at a time
  bool replace = false;              ///< xdp: remove what is there first
  std::optional<Position> position;  ///< tcx, netkit; default the last
  bool defrag = false;               ///< netfilter: whole packets only
  std::optional<std::uint32_t>
      priority;               ///< tc: lower runs earlier; default the kernel's
  std::optional<int> socket;  ///< socket_filter, sk_reuseport: a descriptor, borrowed
  std::optional<int> map;     ///< sockmap, iter: that map's descriptor, borrowed
  std::string device;         ///< lwt, seg6local: the interface of the route
  std::string via;            ///< lwt, seg6local: its gateway; empty: none
  int interrupt_fd = -1;      ///< when it becomes readable, attaching ends; borrowed
};

/// How many functions one attachment sits on, and how many that its pattern
/// matches were left out because the kernel lets nobody probe them.
struct FunctionCount {
  std::size_t attached = 0, left_out = 0;
};

/// What the kernel says about an attachment.
struct LinkInfo {
  std::uint32_t id = 0;  ///< 0 where there is no single link of the kernel's
  std::uint32_t program_id = 0;
  std::optional<std::uint64_t>
      missed;  ///< runs that the kernel had to skip; kprobes on 6.7+
  std::optional<FunctionCount> functions;  ///< kinds that sit on functions by pattern
};

class Link {
 public:
  /// What holds one attachment; each kind's file has its own. Destruction detaches.
  class Holder {
   public:
    virtual ~Holder() = default;
    /// The bpf_link's descriptor, or -1 where there is none or more than one.
    virtual int fd() const { return -1; }
    /// The descriptors of all its bpf_links.
    virtual std::vector<int> fds() const {
      return fd() < 0 ? std::vector<int>() : std::vector<int>{fd()};
    }
    /// Where the kernel's links do not tell: runs that the kernel had to skip.
    virtual std::optional<std::uint64_t> missed() const { return std::nullopt; }
    virtual std::optional<FunctionCount> functions() const { return std::nullopt; }
    /// Ends the attachment: the program does not run any more. What comes back only has
    /// to be closed, and closing it takes time.
    virtual std::vector<UniqueFd> detach() = 0;
  };

  Link(ProbeSpec spec, std::unique_ptr<Holder> holder)
      : spec_(std::move(spec)), holder_(std::move(holder)) {}

  const ProbeSpec& spec() const { return spec_; }
  bool attached() const { return holder_ != nullptr; }
  int fd() const { return holder_ ? holder_->fd() : -1; }

  /// Detaches; a second call does nothing.
  void close();

  /// Keeps the attachment after close() and exit, as the bpffs file `path`.
  /// Code::not_supported where the kind or the kernel has no single link descriptor.
  Result<void> pin(const std::string& path) const;
  /// Puts another loaded program of the same type in place, without a gap.
  /// Kernel-supported kinds: xdp, tcx, netkit, cgroup, netfilter, sk_lookup,
  /// flow_dissector.
  Result<void> update(load::Program program) const;
  /// Code::not_supported where the kernel tells nothing.
  Result<LinkInfo> info() const;

 private:
  friend void close_all(std::span<Link* const> links);
  Result<int> only_fd(std::string_view purpose) const;

  ProbeSpec spec_;
  std::unique_ptr<Holder> holder_;
};

/// Detaches many links with the kernel's waits in parallel: no program of theirs runs
/// after the return. Null pointers and closed links are skipped. Tracepoints on 6.18: 1
/// link 27 ms, 16 links 65 ms; with close() one after the other 71 ms and 1,170 ms. (6.1
/// holds a lock while it waits for the program, too: 16 links 720 ms and 1,240 ms in a
/// virtual machine.)
///
/// The kernel frees a tracepoint's perf event under one global lock, 36 ms each, however
/// many threads ask. The program is off before that, so nobody needs to see the wait: a
/// child process inherits those descriptors and closes them in the background. Rejected:
/// a thread for it (the exit of the process would wait).
void close_all(std::span<Link* const> links);

/// Walks what the link of an iter probe is about: all that its program wrote.
Result<std::string> read_iterator(const Link& link);

/// Sets what the kernel must know before the program is loaded: its type where SEC() does
/// not tell it, and the target function of fentry, fexit and tp_btf. Call it for each
/// program before its object is loaded. Code::not_found, with near names, for a function
/// or event that this kernel does not have; Code::invalid for a program of another type.
/// What comes back stays open until the program is loaded: the program that it replaces a
/// part of, mostly nothing.
Result<UniqueFd> prepare(load::Program program, const ProbeSpec& spec);

/// Attaches a loaded program. Failures say which privilege, lockdown mode or kernel
/// option is in the way, and what to use instead. Code::invalid for an option that the
/// kind does not have.
Result<Link> attach(load::Program program, const ProbeSpec& spec, const Options& options);

}  // namespace ebl::attach
