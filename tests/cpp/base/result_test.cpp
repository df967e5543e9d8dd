#include "base/result.h"

#include <gtest/gtest.h>

#include <poll.h>

#include <cerrno>
#include <memory>

#include "base/unique_fd.h"

namespace ebl {
namespace {

Result<std::unique_ptr<int>> make(bool good) {
  if (!good) return Error{.stage = Stage::load, .code = Code::io, .message = "no"};
  return std::make_unique<int>(7);
}

TEST(Result, holds_a_value_or_an_error) {
  Result<std::unique_ptr<int>> good = make(true);
  ASSERT_TRUE(good);
  EXPECT_EQ(**good, 7);
  std::unique_ptr<int> moved = *std::move(good);
  EXPECT_EQ(*moved, 7);

  Result<std::unique_ptr<int>> bad = make(false);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "no");
}

TEST(Error, decides_the_exit_code) {
  EXPECT_EQ(exit_code({.stage = Stage::usage}), 2);
  EXPECT_EQ(exit_code({.stage = Stage::load, .code = Code::verifier}), 1);
  EXPECT_EQ(exit_code({.stage = Stage::attach, .code = Code::not_permitted}), 3);
  EXPECT_EQ(exit_code({.stage = Stage::attach, .code = Code::not_supported}), 4);
}

TEST(Error, names_errno_values) {
  EXPECT_EQ(errno_text(EPERM), "EPERM (Operation not permitted)");
  EXPECT_EQ(errno_text(524), "ENOTSUPP (Not supported)");
  EXPECT_EQ(errno_text(99999), "error 99999");
}

TEST(UniqueFd, closes_once_and_moves) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  {
    UniqueFd first(ends[0]);
    UniqueFd second(std::move(first));
    EXPECT_FALSE(first);
    EXPECT_EQ(second.get(), ends[0]);
  }
  pollfd end{.fd = ends[1], .events = POLLOUT};
  ASSERT_EQ(::poll(&end, 1, 0), 1);
  EXPECT_TRUE(end.revents & POLLERR);  // nobody reads any more
  ::close(ends[1]);
}

}  // namespace
}  // namespace ebl
