// Detaching many links at once: the measurements are with the declaration, in link.h.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <iterator>
#include <thread>

#include "attach/holders.h"
#include "attach/keeper.h"
#include "attach/link.h"

namespace ebl::attach {
namespace {

// Each thread sleeps in the kernel; past this many the wait is shared anyhow.
constexpr std::size_t most_threads = 32;

}  // namespace

// Lets a grandchild, which nobody has to wait for, hold the last references. It closes
// its other descriptors first, to keep no pipe and no other link alive, and ends when
// this process has closed its own copies: the end of file of a pipe tells.
void close_in_background(std::vector<UniqueFd> fds) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return;  // then they are closed here: slow, but closed
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  std::vector<int> numbers = {read_end.get()};
  for (const UniqueFd& fd : fds) numbers.push_back(fd.get());
  std::ranges::sort(numbers);

  const pid_t child = ::fork();
  if (child == 0) {
    // Only async-signal-safe calls: other threads of the parent may hold locks.
    if (::fork() != 0) ::_exit(0);
    close_all_but(numbers);
    char byte;
    while (::read(ends[0], &byte, 1) < 0 && errno == EINTR) {
    }
    ::_exit(0);
  }
  if (child > 0)
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  fds.clear();  // before write_end
}

void close_all(std::span<Link* const> links) {
  std::vector<Link*> open;
  std::ranges::copy_if(links, std::back_inserter(open),
                       [](const Link* link) { return link && link->attached(); });
  std::vector<std::vector<UniqueFd>> rest(open.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < open.size(); i = next++) {
      rest[i] = open[i]->holder_->detach();
      open[i]->holder_.reset();
    }
  };
  {
    std::vector<std::jthread> threads;
    while (threads.size() < std::min(open.size(), most_threads))
      threads.emplace_back(work);
  }
  std::vector<UniqueFd> fds;
  for (std::vector<UniqueFd>& some : rest)
    std::ranges::move(some, std::back_inserter(fds));
  if (!fds.empty()) close_in_background(std::move(fds));
}

}  // namespace ebl::attach
