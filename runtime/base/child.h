// Child: a command that waits at its start until what is to see it is in place (-c CMD).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace ebl {

class Child {
 public:
  /// Forks a process that will become `command`: its words, or where it has characters
  /// that a shell treats specially, `/bin/sh -c command`. Its standard output is
  /// `output`. It gets SIGTERM when this program dies first.
  static Result<Child> start(const std::string& command, int output);

  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  /// Ends it with SIGTERM where it still runs, and waits for it.
  ~Child();

  pid_t pid() const { return pid_; }
  /// Readable once the command has ended.
  int fd() const { return handle_.get(); }

  /// Lets the command begin. Code::not_found, Code::not_permitted… where it cannot.
  Result<void> release();

  /// 128 + n when signal n ended it; nullopt while it runs.
  std::optional<int> exit_code();

 private:
  Child() = default;

  pid_t pid_ = 0;  // 0: moved from
  std::optional<int> code_;
  UniqueFd handle_;
  UniqueFd gate_;  // a byte lets it go; it writes an errno where exec fails
  std::string command_;
};

}  // namespace ebl
