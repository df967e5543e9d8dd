#include "base/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <sstream>
#include <utility>
#include <vector>

namespace ebl {
namespace {

constexpr int kGate = 3;  // the child's only descriptor beside the standard ones

Error failed(Code code, std::string message) {
  return Error{.stage = Stage::script, .code = code, .message = std::move(message)};
}

std::vector<std::string> words_of(const std::string& command) {
  // One command keeps its process: the shell becomes it.
  if (command.find_first_of("|&;()`#!{}\n") != std::string::npos ||
      command.starts_with("exec ") || command.find('=') < command.find(' '))
    return {"/bin/sh", "-c", command};
  if (command.find_first_of("<>$\\\"'*?[]~%=") != std::string::npos)
    return {"/bin/sh", "-c", "exec " + command};
  std::istringstream text(command);
  std::vector<std::string> words;
  for (std::string word; text >> word;) words.push_back(word);
  return words;
}

/// What the child does between fork and exec: system calls only.
[[noreturn]] void become(char* const* words, int gate, int output) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD})
    ::signal(number, SIG_DFL);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (output != STDOUT_FILENO) ::dup2(output, STDOUT_FILENO);
  if (gate != kGate) ::dup3(gate, kGate, O_CLOEXEC);
  ::syscall(SYS_close_range, kGate + 1, ~0U, 0);
  char byte = 0;  // none comes from a parent that died before it could send a signal
  if (::read(kGate, &byte, 1) != 1) ::_exit(127);
  ::execvp(words[0], words);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(kGate, &error, sizeof(error));
  ::_exit(127);
}

}  // namespace

Result<Child> Child::start(const std::string& command, int output) {
  std::vector<std::string> words = words_of(command);
  if (words.empty()) return failed(Code::invalid, "-c: there is no command");
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);

  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return failed(Code::io, "-c: no socket pair: " + errno_text(errno));
  Child child;
  child.gate_.reset(ends[0]);
  const UniqueFd theirs(ends[1]);
  child.command_ = command;
  child.pid_ = ::fork();
  if (child.pid_ < 0) {
    child.pid_ = 0;
    return failed(Code::io, "-c: cannot fork: " + errno_text(errno));
  }
  if (child.pid_ == 0) become(pointers.data(), theirs.get(), output);
  child.handle_.reset(static_cast<int>(::syscall(SYS_pidfd_open, child.pid_, 0)));
  if (!child.handle_) return failed(Code::io, "-c: no pidfd: " + errno_text(errno));
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      code_(other.code_),
      handle_(std::move(other.handle_)),
      gate_(std::move(other.gate_)),
      command_(std::move(other.command_)) {}

Child::~Child() {
  if (pid_ == 0 || code_) return;
  ::kill(pid_, SIGTERM);
  gate_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<void> Child::release() {
  if (!gate_) return {};
  if (::write(gate_.get(), "", 1) != 1)
    return failed(Code::io, "-c: the process is gone: " + errno_text(errno));
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(gate_.get(), &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  gate_.reset();
  if (got != sizeof(error)) return {};  // exec has closed its end
  exit_code();
  const Code code = error == ENOENT   ? Code::not_found
                    : error == EACCES ? Code::not_permitted
                                      : Code::io;
  return failed(code, "-c: cannot run '" + command_ + "': " + errno_text(error));
}

std::optional<int> Child::exit_code() {
  int status = 0;
  if (!code_ && pid_ != 0 && ::waitpid(pid_, &status, WNOHANG) == pid_)
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return code_;
}

}  // namespace ebl
