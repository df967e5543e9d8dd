#include "events/loop.h"

#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "events/signals.h"

namespace ebl::events {
namespace {

constexpr int kSignalSource = -1;

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int wait_ns(int epoll, std::span<epoll_event> events, std::int64_t timeout_ns) {
  const auto size = static_cast<int>(events.size());
  if (timeout_ns < 0) return ::epoll_wait(epoll, events.data(), size, -1);
  const timespec timeout{.tv_sec = timeout_ns / 1'000'000'000,
                         .tv_nsec = timeout_ns % 1'000'000'000};
  const int count = ::epoll_pwait2(epoll, events.data(), size, &timeout, nullptr);
  if (count >= 0 || errno != ENOSYS) return count;
  // Before Linux 5.11: whole milliseconds, rounded up.
  const std::int64_t milliseconds = (timeout_ns + 999'999) / 1'000'000;
  return ::epoll_wait(epoll, events.data(), size,
                      static_cast<int>(std::min<std::int64_t>(milliseconds, 1 << 30)));
}

Error epoll_error() {
  return {.stage = Stage::read,
          .code = Code::io,
          .message = "cannot watch a descriptor: " + errno_text(errno)};
}

}  // namespace

Result<EventLoop> EventLoop::create() {
  EventLoop loop;
  loop.epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!loop.epoll_) return epoll_error();
  if (signal_fd() >= 0) {
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.fd = kSignalSource;
    if (::epoll_ctl(loop.epoll_.get(), EPOLL_CTL_ADD, signal_fd(), &interest) != 0)
      return epoll_error();
  }
  return loop;
}

Result<int> EventLoop::add(int fd, std::int64_t pacing_ns) {
  auto free = std::find_if(sources_.begin(), sources_.end(),
                           [](const Source& source) { return source.fd < 0; });
  if (free == sources_.end()) free = sources_.insert(sources_.end(), Source{});
  const int number = static_cast<int>(free - sources_.begin());
  epoll_event interest{};
  interest.events = EPOLLIN;
  interest.data.fd = number;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &interest) != 0) return epoll_error();
  *free = {.fd = fd, .pacing_ns = pacing_ns};
  return number;
}

void EventLoop::remove(int source) {
  Source& entry = sources_[static_cast<std::size_t>(source)];
  if (entry.fd < 0) return;
  if (entry.due_ns) paced_--;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry.fd, nullptr);
  entry = {};
}

void EventLoop::arm(int source) noexcept {
  Source& entry = sources_[static_cast<std::size_t>(source)];
  entry.due_ns = 0;
  paced_--;
  epoll_event interest{};
  interest.events = EPOLLIN;
  interest.data.fd = source;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, entry.fd, &interest);
}

void EventLoop::disarm(int source, std::int64_t now) noexcept {
  Source& entry = sources_[static_cast<std::size_t>(source)];
  if (entry.pacing_ns <= 0) return;
  entry.due_ns = now + entry.pacing_ns;
  paced_++;
  epoll_event interest{};
  interest.data.fd = source;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, entry.fd, &interest);
}

std::int64_t EventLoop::until_next_due(std::int64_t now) const noexcept {
  std::int64_t least = -1;
  for (const Source& source : sources_) {
    if (source.fd < 0 || !source.due_ns) continue;
    const std::int64_t left = std::max<std::int64_t>(0, source.due_ns - now);
    least = least < 0 ? left : std::min(least, left);
  }
  return least;
}

void EventLoop::arm_due(std::int64_t now) noexcept {
  for (std::size_t i = 0; i < sources_.size(); i++) {
    const Source& source = sources_[i];
    if (source.fd >= 0 && source.due_ns && source.due_ns <= now) arm(static_cast<int>(i));
  }
}

int EventLoop::wait(std::int64_t timeout_ns, std::span<int> ready) noexcept {
  const std::int64_t deadline = timeout_ns < 0 ? -1 : now_ns() + timeout_ns;
  std::array<epoll_event, 64> events;
  const std::size_t room = std::min(events.size(), ready.size());
  for (;;) {
    std::int64_t now = paced_ || deadline >= 0 ? now_ns() : 0;
    if (paced_) arm_due(now);
    std::int64_t limit = deadline < 0 ? -1 : std::max<std::int64_t>(0, deadline - now);
    if (paced_) {
      const std::int64_t due = until_next_due(now);
      if (due >= 0) limit = limit < 0 ? due : std::min(limit, due);
    }
    const int found = wait_ns(epoll_.get(), std::span(events).first(room), limit);
    if (signal_pending()) return -EINTR;
    if (found < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    int count = 0;
    if (found > 0) now = now_ns();
    for (int i = 0; i < found; i++) {
      const int source = events[static_cast<std::size_t>(i)].data.fd;
      if (source == kSignalSource) continue;
      ready[static_cast<std::size_t>(count++)] = source;
      disarm(source, now);
    }
    if (count > 0) return count;
    if (deadline >= 0 && now_ns() >= deadline) return 0;
  }
}

}  // namespace ebl::events
