// EventLoop: waits for readers, signals and a deadline in one epoll.
//
// Pacing. The kernel wakes a ring's consumer only when that has caught up, so a consumer
// that drains at once after each wake-up makes every event of a burst pay for one (1,283
// ns an event in the traced program). A source is therefore drained at its first wake-up
// and then left alone for its interval: a burst costs one wake-up an interval (162 ns an
// event). An idle source sleeps in epoll. BPF_RB_NO_WAKEUP with a timer is no faster,
// polls when idle and delays the first event.
//
// Timers are the caller's: it passes the time to the next one as the timeout. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace ebl::events {

class EventLoop {
 public:
  /// Includes signal_fd() where handlers are installed.
  static Result<EventLoop> create();

  /// Adds a readable descriptor, not owned. `pacing_ns` 0: reported whenever it is
  /// readable. Returns the source's number, which wait() reports.
  Result<int> add(int fd, std::int64_t pacing_ns);
  void remove(int source);

  /// Waits until a source has something to drain, a signal comes, or `timeout_ns` passed
  /// (negative: no limit). Fills `ready` with source numbers; returns how many, -EINTR
  /// when a signal waits for its answer, or another negative errno.
  int wait(std::int64_t timeout_ns, std::span<int> ready) noexcept;

 private:
  struct Source {
    int fd = -1;
    std::int64_t pacing_ns = 0;
    std::int64_t due_ns = 0;  // 0: asleep in epoll; else left alone until then
  };

  EventLoop() = default;
  void arm(int source) noexcept;
  void disarm(int source, std::int64_t now) noexcept;
  std::int64_t until_next_due(std::int64_t now) const noexcept;
  /// Lets the sources whose interval has passed sleep in epoll again; being
  /// level-triggered, that reports at once what came meanwhile.
  void arm_due(std::int64_t now) noexcept;

  UniqueFd epoll_;
  std::vector<Source> sources_;
  int paced_ = 0;  // sources that are being left alone
};

}  // namespace ebl::events
