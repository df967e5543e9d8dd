// Keeper: a child process that owns an attachment which no file descriptor can own (a
// clsact filter, a route, a struct_ops map), so that it ends with this process however
// this process ends.
//
// The child makes the attachment, waits for the end of file of a pipe, and unmakes it.
// The pipe's other end is here: release() closes it and waits; a SIGKILL closes it as
// well. Made and unmade in one place, there is no moment in which an end of this process
// leaves the attachment behind. The child has a session of its own, takes no signals, and
// keeps no descriptor but those named: it holds no pipe, terminal or link of ours. Linux
// has a link for most hooks: those need no keeper. Rejected: a daemon for all (it would
// have to be found, trusted and ended).
#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

#include "attach/link.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace ebl::attach {

class Keeper {
 public:
  /// What the child does. `make` returns 0 or an errno; `undo` runs if that was 0.
  struct Task {
    std::function<int()> make;
    std::function<void()> undo;
    std::vector<int> fds;  ///< descriptors that both use
  };

  /// Returns once `make` has been called: its errno, 0 when it went well.
  int start(const Task& task);
  Keeper() = default;
  Keeper(Keeper&&) = delete;
  ~Keeper() { release(); }

  /// Has `undo` called and waits for it; a second call does nothing.
  void release();

  /// The end of the pipe. Another keeper that has it among its fds is undone before this
  /// one, also after a SIGKILL.
  int fd() const { return alive_.get(); }

 private:
  UniqueFd alive_;
  pid_t child_ = -1;
};

/// An attachment that a keeper owns.
class KeeperHolder final : public Link::Holder {
 public:
  Keeper& keeper() { return keeper_; }
  std::vector<UniqueFd> detach() override {
    keeper_.release();
    return {};
  }

 private:
  Keeper keeper_;
};

/// Closes every descriptor of this process but those given. REQUIRES: sorted.
void close_all_but(std::span<const int> fds);

}  // namespace ebl::attach
