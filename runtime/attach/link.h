// Link: the owner of one attachment. Destroying it detaches; so does the end of the process,
// since every kind is held by a file descriptor.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "attach/spec.h"
#include "base/result.h"
#include "load/program.h"

namespace ebl::attach {

/// Options of Program:attach(spec, opts). Each kind refuses the ones it does not have.
struct Options {
  std::optional<int> pid;               ///< uprobe, uretprobe, perf: one process; default all
  std::optional<int> cpu;               ///< perf: one CPU; default all. interval: which (default 0)
  std::optional<std::uint64_t> cookie;  ///< bpf_get_attach_cookie(): tracepoint, k/uprobe, perf
  std::optional<std::uint32_t> maxactive;  ///< kretprobe
  bool replace = false;                 ///< xdp: take the place of what is there
};

class Link {
 public:
  /// What holds one attachment; each kind's file has its own. Destruction detaches.
  class Holder {
   public:
    virtual ~Holder() = default;
    /// The bpf_link's descriptor, or -1 where the kind has none.
    virtual int fd() const { return -1; }
  };

  Link(ProbeSpec spec, std::unique_ptr<Holder> holder)
      : spec_(std::move(spec)), holder_(std::move(holder)) {}

  const ProbeSpec& spec() const { return spec_; }
  bool attached() const { return holder_ != nullptr; }
  int fd() const { return holder_ ? holder_->fd() : -1; }
  /// Detaches; a second call does nothing.
  void close() { holder_.reset(); }

 private:
  ProbeSpec spec_;
  std::unique_ptr<Holder> holder_;
};

/// Sets what the kernel must know before the program is loaded (type and target function of
/// fentry, fexit and tp_btf; the type of a program whose SEC() does not tell it). Call it for
/// each program before its object is loaded. Code::not_found, with near names, for a function or event
/// that this kernel does not have.
Result<void> prepare(load::Program program, const ProbeSpec& spec);

/// Attaches a loaded program. Failures say which privilege, lockdown mode or kernel option is in the
/// way, and what to use instead.
Result<Link> attach(load::Program program, const ProbeSpec& spec, const Options& options);

}  // namespace ebl::attach
