#include "attach/keeper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ebl::attach {
namespace {

int read_whole(int fd, int* value) {
  ssize_t count = 0;
  do count = ::read(fd, value, sizeof *value);
  while (count < 0 && errno == EINTR);
  return count == sizeof *value ? 0 : EIO;
}

[[noreturn]] void live(const Keeper::Task& task, int alive, int answer) {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  ::setsid();  // a kill of the process group shall not reach it
  ::prctl(PR_SET_NAME, "ebpf-lua:keeper");
  std::vector<int> kept = task.fds;
  kept.insert(kept.end(), {alive, answer});
  std::ranges::sort(kept);
  close_all_but(kept);

  const int error = task.make();
  const bool told = ::write(answer, &error, sizeof error) == sizeof error;
  ::close(answer);
  if (error != 0) ::_exit(0);
  char byte;
  while (told && ::read(alive, &byte, 1) < 0 && errno == EINTR) {
  }
  task.undo();
  ::_exit(0);
}

}  // namespace

void close_all_but(std::span<const int> fds) {
  unsigned next = 0;
  for (const int fd : fds) {
    const auto keep = static_cast<unsigned>(fd);
    if (keep > next) ::close_range(next, keep - 1, 0);
    next = std::max(next, keep + 1);
  }
  ::close_range(next, ~0u, 0);
}

int Keeper::start(const Task& task) {
  int alive[2], answer[2];
  if (::pipe2(alive, O_CLOEXEC) != 0) return errno;
  UniqueFd alive_read(alive[0]), alive_write(alive[1]);
  if (::pipe2(answer, O_CLOEXEC) != 0) return errno;
  const UniqueFd answer_read(answer[0]);
  UniqueFd answer_write(answer[1]);

  child_ = ::fork();
  if (child_ < 0) return errno;
  if (child_ == 0) live(task, alive[0], answer[1]);
  alive_ = std::move(alive_write);
  answer_write.reset();
  int error = 0;
  if (read_whole(answer_read.get(), &error) != 0) error = ECHILD;  // it has died
  if (error != 0) release();
  return error;
}

void Keeper::release() {
  alive_.reset();
  if (child_ <= 0) return;
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
}

}  // namespace ebl::attach
