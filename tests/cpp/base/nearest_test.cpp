#include "base/nearest.h"

#include <gtest/gtest.h>

namespace ebl {
namespace {

TEST(Nearest, counts_edits_and_swaps_up_to_the_limit) {
  EXPECT_EQ(edit_distance("vfs_read", "vfs_read", 3), 0u);
  EXPECT_EQ(edit_distance("vfs_raed", "vfs_read", 3), 1u);
  EXPECT_EQ(edit_distance("vfs_rea", "vfs_read", 3), 1u);
  EXPECT_EQ(edit_distance("vfs_reads", "vfs_read", 3), 1u);
  EXPECT_EQ(edit_distance("vfs_xxxx", "vfs_read", 3), 4u);
  EXPECT_EQ(edit_distance("", "abc", 5), 3u);
}

TEST(Nearest, gives_the_nearest_first_and_each_once) {
  const std::vector<std::string> names = {"vfs_write", "vfs_readv", "vfs_read",
                                          "vfs_read", "tcp_sendmsg"};
  const std::vector<std::string> near = nearest("vfs_raed", names);
  ASSERT_GE(near.size(), 2u);
  EXPECT_EQ(near[0], "vfs_read");
  EXPECT_EQ(near[1], "vfs_readv");
}

TEST(Nearest, also_finds_names_that_contain_the_wanted_one) {
  const std::vector<std::string> names = {"__x64_sys_execve", "schedule"};
  EXPECT_EQ(did_you_mean("execve", names), "did you mean '__x64_sys_execve'?");
}

TEST(Nearest, is_silent_when_nothing_is_near) {
  const std::vector<std::string> names = {"schedule"};
  EXPECT_EQ(did_you_mean("tcp_v4_connect", names), "");
  EXPECT_TRUE(nearest("x", {}).empty());
}

}  // namespace
}  // namespace ebl
