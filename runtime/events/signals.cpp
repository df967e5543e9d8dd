#include "events/signals.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

namespace ebl::events {
namespace {

constexpr std::array kEndingSignals = {SIGINT, SIGTERM, SIGHUP};

// timeout(1) and others signal the process and then its group: that is one request, not
// two.
constexpr std::int64_t kOneRequestNs = 50'000'000;

std::atomic<int> event_fd{-1};
std::atomic<int> unanswered{0};
std::atomic<int> last_signal{0};
std::atomic<std::int64_t> first_came_ns{0};  // of the unanswered ones
std::atomic<bool> has_terminal{false};
termios terminal_at_start;

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void on_signal(int number) {
  const int saved_errno = errno;
  if (unanswered.fetch_add(1) == 0) {
    first_came_ns = now_ns();
  } else if (number != SIGHUP && now_ns() - first_came_ns > kOneRequestNs) {
    if (has_terminal) ::tcsetattr(STDIN_FILENO, TCSANOW, &terminal_at_start);
    ::_exit(128 + number);
  }
  last_signal = number;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_fd, &one, sizeof(one));
  errno = saved_errno;
}

}  // namespace

Result<void> install_signal_handlers() {
  if (event_fd >= 0) return {};
  event_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event_fd < 0)
    return Error{.stage = Stage::read,
                 .code = Code::io,
                 .message = "cannot create an eventfd: " + errno_text(errno)};
  has_terminal = ::tcgetattr(STDIN_FILENO, &terminal_at_start) == 0;
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (const int number : kEndingSignals) {
    struct sigaction before{};
    ::sigaction(number, &action, &before);
    if (number == SIGHUP && before.sa_handler == SIG_IGN)  // nohup(1)
      ::sigaction(number, &before, nullptr);
  }
  // Not SIG_IGN, which the commands that a script runs would inherit.
  action.sa_handler = [](int) {};
  ::sigaction(SIGPIPE, &action, nullptr);
  return {};
}

int signal_fd() {
  return event_fd;
}

bool signal_pending() {
  return unanswered > 0;
}

int take_signal() {
  std::uint64_t value = 0;
  [[maybe_unused]] const ssize_t got = ::read(event_fd, &value, sizeof(value));
  unanswered = 0;
  return last_signal.exchange(0);
}

}  // namespace ebl::events
